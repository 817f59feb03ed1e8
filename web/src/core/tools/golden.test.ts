import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Point, ShapeKind } from '../../api/types';
import { decode, emptyMask, encode } from '../masks/bits';
import { fillOutline } from '../masks/fill';
import { Hand, image } from '../testing/hand';
import { counts, maxPoints } from './kinds';
import { flatten } from './spline';
import { outline } from './strokes';
import { discsOf, ventricle } from './ventricle';

/** Written by annotate/measure's test, which checks it too. */
interface Golden {
	counts: Record<ShapeKind, [number, number]>;
	splines: { points: Point[]; flat: Point[] }[];
	traces: { points: Point[]; size: Point; base: Point; apex: Point; length: number; diameters: number[] }[];
	fills: { kind: ShapeKind; points: Point[]; rows: number; columns: number; runs: number[] }[];
	drawn: { kind: ShapeKind; clicks: Point[]; drag: boolean; points: Point[] }[];
}
const golden = JSON.parse(readFileSync(new URL('./golden.json', import.meta.url), 'utf8')) as Golden;

const near = (a: readonly Point[], b: readonly Point[]): void => {
	expect(a).toHaveLength(b.length);
	a.forEach((p, i) => {
		expect(p[0]).toBeCloseTo(b[i]![0], 9);
		expect(p[1]).toBeCloseTo(b[i]![1], 9);
	});
};

test('kinds have as many points as the server takes', () => {
	expect(Object.keys(counts).sort()).toEqual(Object.keys(golden.counts).sort());
	for (const [k, [least, most]] of Object.entries(golden.counts)) expect(counts[k as ShapeKind], k).toEqual([least, most || maxPoints]);
});

test("splines are the server's curve", () => {
	expect(golden.splines.length).toBeGreaterThan(3);
	for (const s of golden.splines) near(flatten(s.points), s.flat);
});

test('landmarks and discs of traces are those that are summed', () => {
	expect(golden.traces.length).toBeGreaterThan(9);
	for (const t of golden.traces) {
		const v = ventricle(t.points, t.size)!;
		near([v.base, v.apex].map(([x, y]): Point => [x * t.size[0], y * t.size[1]]), [t.base, t.apex]);
		expect(v.length).toBeCloseTo(t.length, 9);
		const d = discsOf(t.points, t.size);
		d.forEach((one, i) => {
			expect(one.diameter).toBeCloseTo(t.diameters[i]!, 9);
			// What is drawn is as long as what is summed.
			const drawn = one.chords.reduce((sum, [p, q]) => sum + Math.hypot((p[0] - q[0]) * t.size[0], (p[1] - q[1]) * t.size[1]), 0);
			expect(drawn).toBeCloseTo(t.diameters[i]!, 9);
		});
	}
});

test("shapes fill the server's pixels, and runs go there and back", () => {
	for (const f of golden.fills) {
		const m = emptyMask(f.rows, f.columns);
		fillOutline(m, outline(f)!, true);
		expect(encode(m).runs, f.kind).toEqual(f.runs);
		expect(decode(f)).toEqual(m);
	}
});

test('clicks draw the points that the server measures', () => {
	for (const d of golden.drawn) {
		const h = new Hand(image(200, 200)).use(d.kind);
		const rest = d.drag ? d.clicks.slice(2) : d.clicks;
		if (d.drag) h.drag(d.clicks[0]!, d.clicks[1]!);
		h.click(...rest).key('Enter');
		near(h.board.scene.shapes[0]!.shape.points, d.points);
	}
});
