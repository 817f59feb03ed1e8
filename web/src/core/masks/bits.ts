/** Pixels of one frame, a bit each: rows of whole words, the least bit is the leftmost pixel, bits beyond the last column are never set. */
import type { MaskRuns } from '../../api/types';

export interface BitMask {
	readonly rows: number;
	readonly columns: number;
	/** words in a row */
	readonly stride: number;
	readonly words: Uint32Array;
}

export function emptyMask(rows: number, columns: number): BitMask {
	const stride = (columns + 31) >>> 5;
	return { rows, columns, stride, words: new Uint32Array(rows * stride) };
}

export const copyMask = (m: BitMask): BitMask => ({ ...m, words: m.words.slice() });

export const get = (m: BitMask, x: number, y: number): boolean => ((m.words[y * m.stride + (x >>> 5)]! >>> (x & 31)) & 1) === 1;

/** Sets or clears the pixels from x0 to before x1 of a row, as far as they are in the picture. */
export function setRange(m: BitMask, y: number, x0: number, x1: number, on: boolean): void {
	if (y < 0 || y >= m.rows) return;
	x0 = Math.max(0, x0);
	x1 = Math.min(m.columns, x1);
	if (x0 >= x1) return;
	const { words } = m, base = y * m.stride, first = base + (x0 >>> 5), last = base + ((x1 - 1) >>> 5);
	const from = -1 << (x0 & 31), upto = -1 >>> (31 - ((x1 - 1) & 31));
	if (first === last) {
		if (on) words[first]! |= from & upto;
		else words[first]! &= ~(from & upto);
		return;
	}
	if (on) {
		words[first]! |= from;
		words.fill(0xffffffff, first + 1, last);
		words[last]! |= upto;
	} else {
		words[first]! &= ~from;
		words.fill(0, first + 1, last);
		words[last]! &= ~upto;
	}
}

/** The first pixel of a row from x on that is not as said; the number of columns if there is none. */
export function next(m: BitMask, y: number, x: number, on: boolean): number {
	const flip = on ? 0xffffffff : 0, base = y * m.stride;
	if (x >= m.columns) return m.columns;
	let k = x >>> 5, w = (m.words[base + k]! ^ flip) & (-1 << (x & 31));
	while (w === 0) {
		if (++k >= m.stride) return m.columns;
		w = m.words[base + k]! ^ flip;
	}
	return Math.min(m.columns, (k << 5) + 31 - Math.clz32(w & -w));
}

/** Pixels that are set. */
export function area(m: BitMask): number {
	let n = 0;
	for (let w of m.words) {
		w -= (w >>> 1) & 0x55555555;
		w = (w & 0x33333333) + ((w >>> 2) & 0x33333333);
		n += Math.imul((w + (w >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
	}
	return n;
}

/** What two masks come to, written into the first: both together, the first without the second, what is in both, what is in one of them. */
export function combine(m: BitMask, o: BitMask, how: 'union' | 'subtract' | 'intersect' | 'xor'): void {
	const a = m.words, b = o.words;
	for (let i = 0; i < a.length; i++) {
		const w = b[i]!;
		if (how === 'union') a[i]! |= w;
		else if (how === 'subtract') a[i]! &= ~w;
		else if (how === 'intersect') a[i]! &= w;
		else a[i]! ^= w;
	}
}

/** As the server has it (annotate/mask.go): how many are out, then in, then out, … */
export function encode(m: BitMask): MaskRuns {
	const runs: number[] = [];
	let on = false, run = 0;
	for (let y = 0; y < m.rows; y++) {
		for (let x = 0; x < m.columns; ) {
			const to = next(m, y, x, on);
			run += to - x;
			x = to;
			if (x < m.columns) {
				runs.push(run);
				run = 0;
				on = !on;
			}
		}
	}
	runs.push(run);
	return { rows: m.rows, columns: m.columns, runs };
}

/** Pixels of runs. Throws where the runs do not fill the picture, as the server refuses them. */
export function decode({ rows, columns, runs }: MaskRuns): BitMask {
	if (!(rows > 0 && columns > 0 && rows * columns <= 1 << 26)) throw new RangeError(`a mask of ${columns} × ${rows} pixels`);
	const m = emptyMask(rows, columns);
	let at = 0;
	runs.forEach((n, i) => {
		if (!Number.isInteger(n) || n < 0 || (n === 0 && i > 0) || at + n > rows * columns) throw new RangeError(`run ${i + 1} of the mask does not fit its picture`);
		if (i % 2) setRun(m, at, n);
		at += n;
	});
	if (at !== rows * columns) throw new RangeError(`the runs of the mask leave ${rows * columns - at} pixels open`);
	return m;
}

function setRun(m: BitMask, from: number, n: number): void {
	for (let at = from; at < from + n; ) {
		const y = Math.floor(at / m.columns), x = at - y * m.columns, to = Math.min(m.columns, x + from + n - at);
		setRange(m, y, x, to, true);
		at += to - x;
	}
}
