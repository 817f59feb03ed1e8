import { describe, expect, test } from 'vitest';
import type { Point } from '../../api/types';
import { random } from '../testing/hand';
import { area, combine, copyMask, decode, emptyMask, encode, get, next, setRange, type BitMask } from './bits';
import { paint } from './brush';
import { fillOutline, region } from './fill';
import { between } from './interpolate';
import { applyPatch, patch } from './patch';

/** Pixels as a picture of words: # is in. */
const draw = (...rows: string[]): BitMask => {
	const m = emptyMask(rows.length, rows[0]!.length);
	rows.forEach((r, y) => [...r].forEach((c, x) => c === '#' && setRange(m, y, x, x + 1, true)));
	return m;
};
const show = (m: BitMask): string[] => Array.from({ length: m.rows }, (_, y) => Array.from({ length: m.columns }, (_, x) => (get(m, x, y) ? '#' : '.')).join(''));

/** A mask of random blots and single pixels. */
function some(r: () => number, rows: number, columns: number): BitMask {
	const m = emptyMask(rows, columns);
	for (let i = 0; i < 12; i++) {
		const y = Math.floor(r() * rows), x = Math.floor(r() * columns);
		setRange(m, y, x, x + 1 + Math.floor(r() * r() * columns), r() < 0.8);
	}
	return m;
}

describe('bits', () => {
	test('ranges over words, the last column, and beyond the picture', () => {
		const m = emptyMask(2, 70);
		setRange(m, 0, -5, 33, true);
		setRange(m, 1, 31, 500, true);
		setRange(m, 5, 0, 70, true);
		expect(show(m)).toEqual(['#'.repeat(33) + '.'.repeat(37), '.'.repeat(31) + '#'.repeat(39)]);
		expect([area(m), next(m, 0, 0, true), next(m, 1, 0, false), next(m, 1, 31, true)]).toEqual([72, 33, 31, 70]);
		setRange(m, 1, 32, 64, false);
		expect(show(m)[1]).toBe('.'.repeat(31) + '#' + '.'.repeat(32) + '#'.repeat(6));
	});
	test('runs go there and back, for masks of all widths', () => {
		const r = random(1);
		for (let i = 0; i < 400; i++) {
			const m = some(r, 1 + Math.floor(r() * 9), 1 + Math.floor(r() * 140)), runs = encode(m);
			expect(decode(runs)).toEqual(m);
			expect(encode(decode(runs))).toEqual(runs);
			expect(runs.runs.reduce((a, b) => a + b, 0)).toBe(m.rows * m.columns);
			expect(runs.runs.slice(1).every((n) => n > 0)).toBe(true);
			expect(runs.runs.filter((_, k) => k % 2).reduce((a, b) => a + b, 0)).toBe(area(m));
		}
	});
	test('runs by hand', () => {
		expect(encode(draw('..##', '#...')).runs).toEqual([2, 3, 3]);
		expect(encode(draw('##', '.#')).runs).toEqual([0, 2, 1, 1]);
		expect(encode(emptyMask(2, 3)).runs).toEqual([6]);
	});
	test('runs that the server would refuse are refused', () => {
		for (const runs of [[], [5], [7], [3, 0, 3], [-1, 7], [2.5, 3.5], [NaN]]) expect(() => decode({ rows: 2, columns: 3, runs }), String(runs)).toThrow(RangeError);
		expect(() => decode({ rows: 1 << 14, columns: 1 << 14, runs: [1 << 28] })).toThrow(RangeError);
	});
	test('together, without, both, one of them', () => {
		const a = draw('##..'), b = draw('.##.');
		const of = (how: 'union' | 'subtract' | 'intersect' | 'xor'): string => {
			const m = copyMask(a);
			combine(m, b, how);
			return show(m)[0]!;
		};
		expect([of('union'), of('subtract'), of('intersect'), of('xor')]).toEqual(['###.', '#...', '.#..', '#.#.']);
	});
	test('a patch is its own inverse, and there is none where nothing changed', () => {
		const r = random(7);
		for (let i = 0; i < 100; i++) {
			const a = some(r, 20, 50), b = some(r, 20, 50), p = patch('x', 0, a, b), m = copyMask(a);
			if (!p) continue;
			applyPatch(m, p);
			expect(m).toEqual(b);
			applyPatch(m, p);
			expect(m).toEqual(a);
		}
		expect(patch('x', 0, some(r, 5, 5), emptyMask(5, 5))?.rows ?? 5).toBe(5);
		expect(patch('x', 0, emptyMask(5, 5), emptyMask(5, 5))).toBeUndefined();
	});
});

describe('brush', () => {
	test('covers exactly the pixels whose middle is within its radius of the stroke, round as it is shown', () => {
		const r = random(3);
		for (let i = 0; i < 300; i++) {
			const aspect = [1, 1, 0.5, 2, 1.3][i % 5]!, radius = 1 + r() * 12;
			const a: Point = [r() * 60 - 5, r() * 50 - 5], b: Point = i % 7 ? [r() * 60 - 5, r() * 50 - 5] : a;
			const m = emptyMask(40, 50);
			paint(m, a, b, radius, aspect, true);
			let wrong = 0;
			for (let y = 0; y < 40; y++) {
				for (let x = 0; x < 50; x++) {
					const px = x + 0.5 - a[0], py = (y + 0.5 - a[1]) * aspect, bx = b[0] - a[0], by = (b[1] - a[1]) * aspect, len = bx * bx + by * by;
					const t = len ? Math.min(1, Math.max(0, (px * bx + py * by) / len)) : 0;
					const d = Math.hypot(px - t * bx, py - t * by);
					if (Math.abs(d - radius) > 1e-6 && get(m, x, y) !== d < radius) wrong++;
				}
			}
			expect(wrong, `${String(a)} ${String(b)} ${radius} ${aspect}`).toBe(0);
		}
	});
	test('a middle exactly at the radius is covered', () => {
		const m = emptyMask(20, 20);
		paint(m, [8.5, 8.5], [8.5, 8.5], 5, 1, true);
		expect([get(m, 11, 12), get(m, 13, 8), get(m, 12, 12), get(m, 3, 8), get(m, 2, 8)]).toEqual([true, true, false, true, false]);
	});
	test('a small one takes the pixel that it stands on', () => {
		const m = emptyMask(9, 9);
		paint(m, [4.05, 4.95], [4.05, 4.95], 0.2, 1, true);
		expect([area(m), get(m, 4, 4)]).toEqual([1, true]);
	});
	test('erases, and asks where it may', () => {
		const m = emptyMask(30, 30);
		paint(m, [15, 15], [15, 15], 9, 1, true, (x) => x % 2 === 0);
		expect(next(m, 15, 8, false)).toBe(8);
		expect(get(m, 9, 15)).toBe(false);
		paint(m, [15, 15], [15, 15], 10, 1, false);
		expect(area(m)).toBe(0);
	});
	test('a stroke is what its parts are, and moves with its points', () => {
		const r = random(11);
		for (let i = 0; i < 40; i++) {
			const p: Point[] = Array.from({ length: 6 }, () => [20 + r() * 40, 20 + r() * 40]), one = emptyMask(100, 100), two = emptyMask(100, 100);
			for (let k = 1; k < 6; k++) paint(one, p[k - 1]!, p[k]!, 5, 1, true);
			for (let k = 5; k > 0; k--) paint(two, [p[k]![0] + 7, p[k]![1] + 3], [p[k - 1]![0] + 7, p[k - 1]![1] + 3], 5, 1, true);
			const moved = emptyMask(100, 100);
			for (let y = 0; y < 97; y++) for (let x = 0; x < 93; x++) if (get(one, x, y)) setRange(moved, y + 3, x + 7, x + 8, true);
			combine(moved, two, 'xor');
			// Middles within rounding of the radius may fall on either side.
			expect(area(moved)).toBeLessThanOrEqual(2);
		}
	});
});

describe('fill', () => {
	test('a hole is closed, what is open to the border says so', () => {
		const m = draw('......', '.####.', '.#..#.', '.#.##.', '.###..', '......');
		const hole = region(m, 2, 2);
		expect([area(hole.mask), hole.open]).toEqual([3, false]);
		const outside = region(m, 0, 0);
		expect([area(outside.mask), outside.open]).toEqual([36 - 3 - area(m), true]);
		expect(area(region(m, 1, 1).mask)).toBe(area(m));
	});
	test('corners do not hang together', () => {
		const m = draw('#.#', '.#.', '#.#');
		expect(area(region(m, 1, 1).mask)).toBe(1);
		expect(area(region(m, 1, 0).mask)).toBe(1);
	});
	test('a large region is found whole', () => {
		const m = emptyMask(1024, 1024);
		for (let y = 2; y < 1000; y += 4) setRange(m, y, y % 8 === 2 ? 0 : 1, y % 8 === 2 ? 1023 : 1024, true); // a long way round
		const r = region(m, 0, 0);
		expect(area(r.mask)).toBe(1024 * 1024 - area(m));
	});
	test('outlines that cross themselves are even-odd, and subtracting takes the same pixels away', () => {
		const m = emptyMask(30, 40), out: Point[] = [[3, 4], [37, 25], [35, 3], [5, 27]];
		fillOutline(m, out, true);
		expect(area(m)).toBeGreaterThan(0);
		fillOutline(m, out, false);
		expect(area(m)).toBe(0);
	});
});

describe('between two masks', () => {
	const disc = (x: number, y: number, r: number): BitMask => {
		const m = emptyMask(120, 160);
		paint(m, [x, y], [x, y], r, 1, true);
		return m;
	};
	test('at both ends are the masks themselves', () => {
		const r = random(5);
		for (let i = 0; i < 20; i++) {
			const a = some(r, 30, 45), b = some(r, 30, 45);
			const [first, last] = between(a, b, [0, 1]);
			if (area(a) && area(b)) {
				expect(first).toEqual(a);
				expect(last).toEqual(b);
			}
		}
	});
	test('a disc that grows is one of the middle radius half way, to half a pixel', () => {
		for (const [from, to] of [[10, 30], [15, 40], [20, 30], [20, 24]] as const) {
			const [m] = between(disc(80.3, 60.2, from), disc(80.3, 60.2, to), [0.5]);
			expect(Math.abs(Math.sqrt(area(m!) / Math.PI) - (from + to) / 2)).toBeLessThan(0.5);
		}
	});
	test('a disc that wanders by more than its size is found half way', () => {
		const [m] = between(disc(30, 60, 10), disc(110, 70, 10), [0.5]);
		const want = disc(70, 65, 10);
		combine(m!, want, 'xor');
		expect(area(m!) / area(want)).toBeLessThan(0.1);
	});
	test('pixels that are not square: distances are those that are seen', () => {
		const round = (r: number): BitMask => {
			const m = emptyMask(60, 160);
			paint(m, [80, 30], [80, 30], r, 2, true);
			return m;
		};
		const [m] = between(round(10), round(40), [0.5], 2), want = round(25);
		combine(m!, want, 'xor');
		expect(area(m!) / area(want)).toBeLessThan(0.06);
	});
	test('with nothing there is nothing', () => {
		expect(area(between(emptyMask(10, 10), disc(5, 5, 3), [0.5])[0]!)).toBe(0);
	});
});
