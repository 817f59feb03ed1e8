import { describe, expect, test } from 'vitest';
import type { Drawn, Point } from '../../api/types';
import { Hand, image, random } from '../testing/hand';
import { shapeBetween } from './between';
import { handles, insert, moveHandle, nearestLine } from './handles';
import { pathLength, resample, type Picture } from './plane';
import { simplify, thin } from './thin';
import { ventricle } from './ventricle';
import { pull, redraw, warp } from './warp';

const picture: Picture = { rows: 200, columns: 300, aspect: 1 };
const circle = (n: number, r = 60): Point[] => Array.from({ length: n }, (_, i): Point => [150 + r * Math.cos((2 * Math.PI * i) / n), 100 + r * Math.sin((2 * Math.PI * i) / n)]);
const wall = (n: number): Point[] =>
	Array.from({ length: n }, (_, i): Point => [150 - 40 * Math.cos((Math.PI * i) / (n - 1)), 160 - 120 * Math.sin((Math.PI * i) / (n - 1))]);
const shape = (kind: Drawn['kind'], points: readonly Point[]): Drawn => ({ kind, points, frame: 0, image: 1 });
const has = (h: Hand): void => void h.board.put([{ id: 's', shape: shape('polygon', [[50, 50], [150, 50], [150, 150], [50, 150]]), item: 'x', layer: 'own' }], []);
const points = (h: Hand): readonly Point[] => h.board.scene.shapes[0]!.shape.points;

describe('with the mouse', () => {
	test('a press selects, a drag of a handle moves it, of the line moves all, of nothing is not the board’s', () => {
		const h = new Hand();
		has(h);
		expect(h.send('down', [250, 20])).toBe(false);
		h.click([100, 51]);
		expect(h.board.scene.selected).toBe('s');
		expect(h.changes).toHaveLength(0);
		h.drag([151, 152], [160, 160], [171, 182]);
		expect(points(h)[2]).toEqual([170, 180]);
		h.drag([100, 50], [110, 40]);
		expect(points(h)[0]).toEqual([60, 40]);
		expect(h.changes).toHaveLength(2);
	});
	test('a shape that is moved stays in the picture, whole', () => {
		const h = new Hand();
		has(h);
		h.click([100, 50]).drag([100, 50], [900, -900]);
		expect(points(h)).toEqual([[200, 0], [300, 0], [300, 100], [200, 100]]);
	});
	test('what a shape encloses is not taken hold of, but with alt', () => {
		const h = new Hand();
		has(h);
		expect(h.send('down', [100, 100])).toBe(false);
		h.send('down', [100, 100], { alt: true });
		h.send('move', [110, 105], { alt: true });
		h.send('up', [110, 105], { alt: true });
		expect(points(h)[0]).toEqual([60, 55]);
	});
	test('a pointer that passes by draws nothing anew', () => {
		const h = new Hand();
		has(h);
		let n = 0;
		h.board.onScene(() => n++);
		h.send('move', [10, 10]);
		h.use('length').send('move', [20, 20]);
		expect(n).toBe(1); // the tool
	});
	test('a trembling hand moves nothing', () => {
		const h = new Hand();
		has(h);
		h.drag([100, 50], [101, 51]);
		expect(points(h)[0]).toEqual([50, 50]);
		expect(h.changes).toHaveLength(0);
	});
	test('a double click puts a point into the line, and takes one away', () => {
		const h = new Hand();
		has(h);
		h.double([100, 52]);
		expect(points(h)).toEqual([[50, 50], [100, 50], [150, 50], [150, 150], [50, 150]]);
		h.double([100, 50]);
		expect(points(h)).toHaveLength(4);
		h.double([50, 50]).double([150, 50]);
		expect(points(h)).toHaveLength(3); // a polygon needs them
	});
	test('a double click that closes a polygon changes nothing of it, whatever tool comes next', () => {
		const h = new Hand().use('polygon').click([50, 50], [150, 50], [150, 150]);
		h.click([51, 50]).use('select').click([51, 50]);
		h.send('double', [51, 50]);
		expect(points(h)).toEqual([[50, 50], [150, 50], [150, 150]]);
		h.double([100, 50]);
		expect(points(h)).toHaveLength(4);
	});
	test('others’ shapes are seen and not touched', () => {
		const h = new Hand();
		h.board.put([{ id: 'o', shape: shape('length', [[50, 50], [150, 50]]), item: 'x', layer: 'a' }], []);
		expect(h.send('down', [100, 50])).toBe(false);
		h.board.remove('o');
		expect(h.board.scene.shapes).toHaveLength(1);
	});
	test('a finger reaches farther', () => {
		const h = new Hand();
		has(h);
		h.near = 20;
		h.click([100, 35]);
		expect(h.board.scene.selected).toBe('s');
	});
	test('a new part of a contour takes the place of the old one', () => {
		const h = new Hand();
		h.board.put([{ id: 's', shape: shape('freehand', circle(120)), item: 'x', layer: 'own' }], []);
		h.board.select('s');
		h.use('freehand').drag([150 + 60 * Math.cos(-0.5), 100 + 60 * Math.sin(-0.5)], [240, 80], [250, 100], [240, 120], [150 + 60 * Math.cos(0.5), 100 + 60 * Math.sin(0.5)]);
		expect(h.board.scene.shapes).toHaveLength(1);
		expect(points(h)).toContainEqual([250, 100]);
		expect(points(h).some(([x, y]) => Math.hypot(x - 210, y - 100) < 3)).toBe(false);
		expect(points(h).some(([x, y]) => Math.hypot(x - 90, y - 100) < 3)).toBe(true);
		// Once round is a new contour.
		h.drag(...circle(60, 62), circle(60, 62)[0]!);
		expect(h.board.scene.shapes).toHaveLength(2);
	});
});

describe('handles', () => {
	test('a rectangle has four corners, whichever two it was drawn with', () => {
		const s = shape('rectangle', [[110, 20], [10, 90]]);
		for (const [i, to, want] of [[0, [120, 10], [[120, 10], [10, 90]]], [1, [5, 30], [[110, 30], [5, 90]]], [2, [5, 99], [[110, 20], [5, 99]]], [3, [99, 80], [[99, 20], [10, 80]]]] as [number, Point, Point[]][]) {
			const h = handles(s, picture)[i]!;
			expect(moveHandle(s, h, to, picture)).toEqual(want);
		}
	});
	test('an ellipse keeps its middle and its other axis, at right angles', () => {
		const s = shape('ellipse', [[100, 100], [200, 100], [150, 80], [150, 120]]);
		const p = moveHandle(s, handles(s, picture)[1]!, [150, 160], picture);
		expect(p).toEqual([[150, 40], [150, 160], [170, 100], [130, 100]]);
		const out = moveHandle(shape('ellipse', [[0, 100], [60, 100], [30, 80], [30, 120]]), { at: [60, 100], kind: 'vertex', index: 1 }, [200, 100], picture);
		expect(out.every(([x, y]) => x >= 0 && x <= 300 && y >= 0 && y <= 200)).toBe(true);
		expect((out[0]![0] + out[1]![0]) / 2).toBe(30);
	});
	test('a trace has the sides of the valve and the apex first; moving one leaves the two others', () => {
		const s = shape('trace', wall(81)), h = handles(s, picture), v = ventricle(s.points)!;
		expect(h.slice(0, 3).map((x) => x.at)).toEqual([s.points[0], v.apex, s.points[80]]);
		const p = moveHandle(s, h[1]!, [160, 20], picture);
		expect([p[0], p[v.index], p[80]]).toEqual([s.points[0], [160, 20], s.points[80]]);
		const q = moveHandle(s, h[2]!, [200, 165], picture);
		expect(q[80]).toEqual([200, 165]);
		expect(Math.hypot(q[v.index]![0] - v.apex[0], q[v.index]![1] - v.apex[1])).toBeLessThan(1e-9);
		expect(q[0]).toEqual(s.points[0]);
	});
	test('contours of many points give way around a pull, and nowhere else', () => {
		const p = circle(200), q = pull(p, true, 0, [10, 0], 40);
		expect(q[0]).toEqual([220, 100]);
		expect(q.filter((o, i) => o !== p[i]).length).toBeLessThan(50);
		expect(q[100]).toEqual(p[100]);
		const open = pull(wall(50), false, 0, [5, 0], 1e9);
		expect(open[0]![0]).toBeCloseTo(wall(50)[0]![0] + 5, 9);
	});
	test('a point goes into a spline on its curve', () => {
		const s = shape('spline', [[100, 50], [200, 50], [200, 150], [100, 150]]), n = nearestLine(s, [150, 30])!;
		expect(n.before).toBe(1);
		expect(n.at[1]).toBeLessThan(50);
		expect(insert(s, [90, 100])).toHaveLength(5);
		expect(insert(s, [90, 100])![4]![0]).toBeLessThan(100);
	});
});

describe('moved, turned or enlarged, what comes out is moved, turned and enlarged', () => {
	const maps: ((p: Point) => Point)[] = [([x, y]) => [x + 11, y - 7], ([x, y]) => [x * 2.5, y * 2.5], ([x, y]) => [y, -x], ([x, y]) => [0.6 * x - 0.8 * y, 0.8 * x + 0.6 * y]];
	const near = (a: readonly Point[], b: readonly Point[]): void => {
		expect(a).toHaveLength(b.length);
		a.forEach((p, i) => expect(Math.hypot(p[0] - b[i]![0], p[1] - b[i]![1])).toBeLessThan(1e-6));
	};
	test('resampling, pulls, warps, landmarks, parts drawn anew', () => {
		const r = random(9);
		for (const f of maps) {
			const p = circle(40).map(([x, y]): Point => [x + r(), y + r()]), w = wall(31), scale = Math.hypot(f([1, 0])[0] - f([0, 0])[0], f([1, 0])[1] - f([0, 0])[1]);
			const vector = (q: Point): Point => [f(q)[0] - f([0, 0])[0], f(q)[1] - f([0, 0])[1]];
			near(resample(p.map(f), 17, true), resample(p, 17, true).map(f));
			near(pull(p.map(f), true, 3, vector([4, 5]), 50 * scale), pull(p, true, 3, [4, 5], 50).map(f));
			const [a, b, c] = [w[0]!, w[15]!, w[30]!], to = [a, [b[0] + 9, b[1] - 3] as Point, c] as const;
			near(warp(w.map(f), [f(a), f(b), f(c)], [f(to[0]), f(to[1]), f(to[2])])!, warp(w, [a, b, c], to)!.map(f));
			near([ventricle(w.map(f))!.apex, ventricle(w.map(f))!.base], [ventricle(w)!.apex, ventricle(w)!.base].map(f));
			const stroke = [p[2]!, [190, 140] as Point, p[9]!];
			near(redraw(p.map(f), true, stroke.map(f), 5 * scale)!, redraw(p, true, stroke, 5)!.map(f));
			const s = shapeBetween(shape('trace', w), shape('trace', w.map((q): Point => [q[0] + 4, q[1]])), 0.25, 3)!;
			near(shapeBetween(shape('trace', w.map(f)), shape('trace', w.map((q): Point => f([q[0] + 4, q[1]]))), 0.25, 3)!.points, s.points.map(f));
		}
	});
});

describe('thinning', () => {
	test('leaves no point farther off than said, and both ends', () => {
		const r = random(2), p: Point[] = Array.from({ length: 3000 }, (_, i): Point => [i / 10, 50 + 20 * Math.sin(i / 80) + r() * 0.3]);
		const q = simplify(p, 0.5);
		expect(q.length).toBeLessThan(300);
		expect([q[0], q.at(-1)]).toEqual([p[0], p.at(-1)]);
		for (const a of p) expect(nearestLine(shape('polyline', q), a)!.distance).toBeLessThanOrEqual(0.5 + 1e-9);
	});
	test('gives as many points as may be, and as must be', () => {
		const r = random(4);
		expect(thin(Array.from({ length: 9000 }, (): Point => [r() * 100, r() * 100]), 0.01, 3).length).toBeLessThanOrEqual(4096);
		expect(thin([[0, 0], [5, 0], [10, 0]], 0.1, 5)).toEqual([[0, 0], [2.5, 0], [5, 0], [7.5, 0], [10, 0]]);
	});
	test('resampling keeps a length', () => {
		expect(pathLength(resample(circle(400), 400, true), true)).toBeCloseTo(pathLength(circle(400), true), 6);
		expect(resample([[0, 0], [0, 0], [4, 0]], 3, false)).toEqual([[0, 0], [2, 0], [4, 0]]);
	});
});

describe('between two frames', () => {
	test('lines go from end to end, whichever way they were drawn', () => {
		const a = shape('length', [[10, 10], [50, 10]]), b = shape('length', [[60, 20], [20, 20]]);
		expect(shapeBetween(a, b, 0.5, 4)).toEqual({ kind: 'length', image: 1, frame: 4, points: [[15, 15], [55, 15]] });
	});
	test('contours match by where their points are', () => {
		const p = circle(12), q = [...p.slice(5), ...p.slice(0, 5)].reverse().map(([x, y]): Point => [x + 10, y]);
		const m = shapeBetween(shape('polygon', p), shape('polygon', q), 0.5, 1)!.points;
		m.forEach((o, i) => expect(Math.hypot(o[0] - p[i]![0] - 5, o[1] - p[i]![1])).toBeLessThan(1e-9));
	});
	test('traces keep their apex between both', () => {
		const a = wall(41), b = wall(23).map(([x, y]): Point => [x + 6, 160 + (y - 160) * 0.7]).reverse();
		const m = shapeBetween(shape('trace', a), shape('trace', b), 0.5, 1)!.points, v = ventricle(m)!;
		expect(v.apex[0]).toBeCloseTo(153, 0);
		expect(v.length).toBeCloseTo((120 + 84) / 2, 0);
	});
	test('unlike kinds have nothing between them', () => {
		expect(shapeBetween(shape('length', [[0, 0], [1, 1]]), shape('polygon', circle(5)), 0.5, 1)).toBeUndefined();
	});
	test('the board fills the frames between, copies to the next, and takes both back in one step', () => {
		const h = new Hand(image());
		h.board.target = { item: 'd' };
		h.use('length').click([10, 10], [50, 10]);
		h.frame = 4;
		h.click([10, 50], [50, 50]);
		h.board.interpolate('d', 0, 4);
		expect(h.board.scene.shapes.map((s) => [s.shape.frame, s.shape.points[0]![1]]).sort()).toEqual([[0, 10], [1, 20], [2, 30], [3, 40], [4, 50]]);
		expect(new Set(h.board.scene.shapes.map((s) => s.id)).size).toBe(5);
		h.board.undo();
		expect(h.board.scene.shapes).toHaveLength(2);
		h.board.copy('d', 4, 5);
		expect(h.board.scene.shapes.at(-1)!.shape).toMatchObject({ frame: 5, points: [[10, 50], [50, 50]] });
		h.board.copy('d', 0, 5);
		expect(h.board.scene.shapes).toHaveLength(3);
		expect(h.board.scene.shapes.at(-1)!.shape.points[0]).toEqual([10, 10]);
	});
});
