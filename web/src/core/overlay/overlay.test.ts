import { describe, expect, test } from 'vitest';
import type { Point, ShapeKind } from '../../api/types';
import type { Layer, Placed, Scene } from '../contract';
import { apply, type Affine } from '../geometry';
import { area, emptyMask, encode, get, setRange } from '../masks/bits';
import { fillOutline } from '../masks/fill';
import { random } from '../testing/hand';
import { readFileSync } from 'node:fs';
import { contours } from './contour';
import { describeScene } from './describe';
import { crossesBox, placeLabels, touches, type Wanted } from './labels';
import { looks, rgba } from './layers';
import { paintMasks } from './maskCanvas';
import { linesOf, pathOf } from './path';

const at: Affine = { a: 2, b: 0, c: 0, d: 2, e: 10, f: -20 };
const placed = (kind: ShapeKind, points: Point[], layer: Layer = 'own', label?: string): Placed => ({ id: kind, shape: { kind, points, frame: 0, image: 1 }, item: '', layer, ...(label ? { label } : {}) });

describe('layers', () => {
	test('no two have the same colour, line or letter', () => {
		const all = Object.values(looks);
		for (const of of ['colour', 'dash', 'letter', 'name'] as const) expect(new Set(all.map((l) => l[of])).size, of).toBe(all.length);
	});
	test('colours are those of the rest of the page', () => {
		const css = readFileSync(new URL('../../ui/tokens.css', import.meta.url), 'utf8');
		for (const [layer, { colour }] of Object.entries(looks)) expect(css).toContain(`--${layer === 'own' ? 'own' : `layer-${layer}`}: ${colour};`);
	});
	test('each is seen on black: contrast of at least 7 to 1', () => {
		const part = (v: number): number => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
		for (const { colour } of Object.values(looks)) {
			const [r, g, b] = [1, 3, 5].map((i) => part(parseInt(colour.slice(i, i + 2), 16))) as [number, number, number];
			expect((0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) / 0.05).toBeGreaterThan(7);
		}
	});
	test('as canvas pixels', () => {
		expect(rgba('#010203', 4)).toBe(0x04030201);
	});
});

describe('labels', () => {
	const inside = (b: { x: number; y: number; width: number; height: number }, w: number, h: number): boolean => b.x >= 0 && b.y >= 0 && b.x + b.width <= w && b.y + b.height <= h;
	test('never on their shape, never outside, never on one another', () => {
		const r = random(8), kinds: ShapeKind[] = ['length', 'polygon', 'ellipse', 'rectangle', 'point', 'spline', 'trace'], n = { length: 2, polygon: 5, ellipse: 4, rectangle: 2, point: 1, spline: 6, trace: 6 } as Record<string, number>;
		let placedAt = 0, all = 0;
		for (let i = 0; i < 200; i++) {
			const [w, h] = i % 2 ? [390, 300] : [900, 700];
			const wanted: Wanted[] = Array.from({ length: 6 }, () => {
				const kind = kinds[Math.floor(r() * kinds.length)]!, c: Point = [r() * w, r() * h], size = 20 + r() * 250;
				const p: Point[] = Array.from({ length: n[kind]! }, () => [c[0] + (r() - 0.5) * size, c[1] + (r() - 0.5) * size]);
				return { lines: linesOf({ kind, points: p }, { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0 }), width: 60 + r() * 40, height: 18 };
			});
			const boxes = placeLabels(wanted, w, h);
			boxes.forEach((b, k) => {
				all++;
				if (!b) return;
				placedAt++;
				expect(inside(b, w, h)).toBe(true);
				expect(touches(wanted[k]!.lines, b, 0)).toBe(false);
				boxes.forEach((o, j) => o && j !== k && expect(b.x < o.x + o.width && o.x < b.x + b.width && b.y < o.y + o.height && o.y < b.y + b.height).toBe(false));
			});
		}
		expect(placedAt / all).toBeGreaterThan(0.995);
	});
	test('right below the end where there is room, elsewhere at the edge', () => {
		const line = (p: Point, q: Point): Wanted => ({ lines: [{ points: [p, q], closed: false }], width: 50, height: 18 });
		expect(placeLabels([line([100, 100], [200, 150])], 500, 400)[0]).toEqual({ x: 206, y: 132, width: 50, height: 18 });
		expect(placeLabels([line([400, 100], [499, 150])], 500, 400)[0]!.x).toBeLessThan(450);
	});
	test('none where the canvas is too small', () => {
		expect(placeLabels([{ lines: [{ points: [[5, 5], [9, 9]], closed: false }], width: 50, height: 18 }], 40, 40)).toEqual([undefined]);
	});
	test('a shape larger than the canvas has its label inside, off the line', () => {
		const w: Wanted = { lines: [{ points: [[-100, -100], [900, -100], [900, 150], [-100, 150]], closed: true }], width: 80, height: 18 };
		const [b] = placeLabels([w], 390, 300);
		expect(b && touches(w.lines, b)).toBe(false);
	});
	test('lines through boxes', () => {
		const b = { x: 10, y: 10, width: 10, height: 10 };
		expect([crossesBox([0, 0], [30, 30], b), crossesBox([0, 15], [30, 15], b), crossesBox([0, 0], [9, 30], b), crossesBox([12, 12], [13, 13], b), crossesBox([0, 25], [25, 25], b)]).toEqual([true, true, false, true, false]);
	});
});

describe('paths', () => {
	test('are in screen space, with the zoom', () => {
		expect(pathOf([[1.234567, 2], [3, 4]].map((p) => apply(at, p as unknown as Point)), true)).toBe('M12.47 -16L16 -12Z');
		expect(linesOf({ kind: 'rectangle', points: [[5, 5], [10, 20]] }, at)[0]!.points).toEqual([[20, -10], [30, -10], [30, 20], [20, 20]]);
		expect(linesOf({ kind: 'point', points: [[5, 5]] }, at)).toHaveLength(2);
		expect(pathOf([], true)).toBe('');
	});
});

describe('borders of masks', () => {
	test('of single pixels, of corners that meet, of holes', () => {
		const m = emptyMask(4, 4);
		setRange(m, 1, 1, 2, true);
		expect(contours(m)).toEqual([[[1, 1], [2, 1], [2, 2], [1, 2]]]);
		setRange(m, 2, 2, 3, true);
		expect(contours(m)).toHaveLength(2);
		const ring = emptyMask(5, 5);
		for (let y = 1; y < 4; y++) setRange(ring, y, 1, 4, true);
		setRange(ring, 2, 2, 3, false);
		expect(contours(ring)!.map((c) => c.length)).toEqual([4, 4]);
	});
	test('filled again they are the mask, for random ones', () => {
		const r = random(21);
		for (let i = 0; i < 200; i++) {
			const m = emptyMask(1 + Math.floor(r() * 20), 1 + Math.floor(r() * 50));
			for (let k = 0; k < 30; k++) {
				const y = Math.floor(r() * m.rows), x = Math.floor(r() * m.columns);
				setRange(m, y, x, x + 1 + Math.floor(r() * 12), r() < 0.7);
			}
			// Even-odd over all loops: pixels that an odd number of them holds.
			const again = emptyMask(m.rows, m.columns);
			for (const loop of contours(m)!) {
				const one = emptyMask(m.rows, m.columns);
				fillOutline(one, loop, true);
				again.words.forEach((w, k) => (again.words[k] = w ^ one.words[k]!));
			}
			expect(again).toEqual(m);
		}
	});
	test('what is too fine has none', () => {
		const m = emptyMask(64, 64);
		for (let y = 0; y < 64; y += 2) for (let x = 0; x < 64; x += 2) setRange(m, y, x, x + 1, true);
		expect(contours(m, 1000)).toBeUndefined();
		expect(contours(m)).toHaveLength(1024);
	});
});

test('masks are pixels of their layer’s colour', () => {
	const pixels = new Uint32Array(12), mask = { rows: 3, columns: 4, runs: [1, 2, 9] };
	paintMasks([{ item: '', image: 1, frame: 0, layer: 'a', mask }], pixels, 4);
	expect([...pixels].map((p) => p !== 0)).toEqual([false, true, true, ...Array<boolean>(9).fill(false)]);
	paintMasks([], pixels, 4);
	expect(pixels.every((p) => p === 0)).toBe(true);
});

test('a scene in words: one’s own first', () => {
	const m = emptyMask(2, 2);
	setRange(m, 0, 0, 2, true);
	expect([area(m), get(m, 0, 0)]).toEqual([2, true]);
	const trace: Placed = { ...placed('trace', [], 'own', '61 %'), item: 'lvef' };
	const scene: Scene = {
		shapes: [placed('length', [[0, 0], [1, 1]], 'a', '12.3 mm'), { ...trace, shape: { ...trace.shape, role: 'a4c_ed' } }, { ...placed('point', [[0, 0]]), shape: { kind: 'point', image: 1, frame: 5, points: [[0, 0]] } }],
		masks: [{ item: 'lv', image: 1, frame: 0, layer: 'ai', mask: encode(m) }, { item: 'lv', image: 1, frame: 0, layer: 'own', mask: encode(emptyMask(2, 2)) }],
		draft: undefined, selected: undefined, cursor: undefined,
	};
	expect(describeScene(scene, 0)).toEqual(['lvef: ventricle traced, four-chamber view, end of diastole, frame 1, 61 %, yours', 'length, frame 1, 12.3 mm, reader A', 'lv: mask, frame 1, 2 pixels, the model']);
});
