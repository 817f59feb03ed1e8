import { expect, test } from 'vitest';
import type { Point } from '../../api/types';
import type { Frame } from '../contract';
import type { Pixels } from '../frames/pixels';
import { image } from '../testing/hand';
import { bilinear, fill, MMode } from './mmode';

/** A bright edge at a height that goes up and down: 10 + 5·sin. */
const edge = (frame: number): number => 20 + 6 * Math.sin((2 * Math.PI * frame) / 12);
const frame = (n: number): Pixels => {
	const data = new Uint8Array(60 * 40);
	for (let y = 0; y < 40; y++) for (let x = 0; x < 60; x++) data[y * 60 + x] = y + 0.5 > edge(n) ? 200 : 10;
	return { rows: 40, columns: 60, channels: 1, data };
};

test('the picture has the frames side by side as long as they lasted', () => {
	const m = new MMode({ line: [[30, 0], [30, 40]], frames: 4, times: [0, 10, 30, 40], width: 100 });
	// Half ways: −5 5 20 35 45: 50 ms in 100 columns.
	expect([0, 1, 2, 3].map((f) => m.columnsOf(f))).toEqual([[0, 20], [20, 50], [50, 80], [80, 100]]);
	expect(m.height).toBe(40);
	expect(new MMode({ line: [[30, 0], [30, 40]], frames: 4, width: 100 }).columnsOf(3)).toEqual([75, 100]);
	expect(new MMode({ line: [[0, 0], [3, 4]], frames: 1, times: [0], width: 10 }).columnsOf(0)).toEqual([0, 10]);
});

test('a moving edge is a wave, at the height where it is', () => {
	const m = new MMode({ line: [[30, 0], [30, 40]], frames: 12, width: 120, tone: (v) => v });
	for (let f = 0; f < 12; f++) if (f !== 5) m.add(f, frame(f));
	for (let f = 0; f < 12; f++) {
		const [x] = m.columnsOf(f);
		const column = Array.from({ length: 40 }, (_, y) => m.data[(y * 120 + x + 3) * 4]!);
		if (f === 5) expect(m.data[(x + 3) * 4 + 3]).toBe(0); // not here yet
		else expect(Math.abs(column.findIndex((v) => v > 100) - edge(f))).toBeLessThanOrEqual(1);
	}
});

test('places lead back to frames and image points, and calipers to what the server measures', () => {
	const m = new MMode({ line: [[10, 30], [40, 10]], frames: 10, times: Array.from({ length: 10 }, (_, i) => 25 * i), width: 200 });
	const mid = m.at([101, m.height / 2]);
	expect(mid.frame).toBe(5);
	expect(mid.point[0]).toBeCloseTo(25, 9);
	const p: Point = [10, 0], q: Point = [190, m.height];
	expect(m.caliper(q, p, 3)).toEqual({ kind: 'caliper', image: 3, frame: 0, to: 9, points: [[10, 30], [40, 10]] });
	expect(m.caliper([41, 3], [59, 8], 3)).toBeUndefined();
	expect([m.at([-5, -5]).frame, m.at([999, 999])]).toEqual([0, { frame: 9, point: [40, 10] }]);
});

test('colours, and pixels that are not square', () => {
	const p: Pixels = { rows: 1, columns: 2, channels: 4, data: [10, 20, 30, 255, 30, 40, 50, 255] };
	expect([0, 1, 2].map((k) => bilinear(p, 1, 0.5, k))).toEqual([20, 30, 40]);
	expect(bilinear(p, -9, 9, 0)).toBe(10);
	const m = new MMode({ line: [[0.5, 0.5], [1.5, 0.5]], frames: 1, width: 1, aspect: 2 });
	m.add(0, p);
	expect([...m.data]).toEqual([20, 30, 40, 255]);
	expect(new MMode({ line: [[0, 0], [0, 10]], frames: 1, width: 1, aspect: 2 }).height).toBe(20);
});

test('frames come one after the other, and stop when nobody wants them', async () => {
	const im = { ...image(40, 60), frames: 12 }, m = new MMode({ line: [[30, 0], [30, 40]], frames: 12, width: 24 }), seen: number[] = [];
	const load = (n: number): Promise<Frame> => Promise.resolve({ kind: 'grey', samples: frame(n).data as Uint8Array });
	await fill(m, { image: im, load }, (n) => seen.push(n));
	expect(seen.at(-1)).toBe(12);
	expect(m.data[(39 * 24 + 5) * 4]).toBe(200);
	const stop = new AbortController();
	await expect(fill(m, { image: im, load }, (n) => n === 3 && stop.abort(), stop.signal)).rejects.toThrow();
});
