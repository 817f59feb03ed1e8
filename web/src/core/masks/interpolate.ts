/**
 * Masks between two masks by their signed distances (Raya and Udupa, IEEE Trans Med Imaging 1990;9:32), moved so that their middles lie on
 * each other first: what wanders between frames is found on the way, not lost where the two have nothing in common.
 */
import { emptyMask, next, setRange, type BitMask } from './bits';

/** Signed distance to a mask's border in columns' widths, negative inside, over a box one pixel larger than what is set. */
interface Field {
	readonly x0: number;
	readonly y0: number;
	readonly width: number;
	readonly height: number;
	readonly values: Float32Array;
	/** middle of the set pixels */
	readonly cx: number;
	readonly cy: number;
}

/** Squared distances to the nearest zero along one line: lower envelope of parabolas (Felzenszwalb and Huttenlocher 2012). */
function line(f: Float64Array, n: number, spacing: number, v: Int32Array, z: Float64Array, out: Float64Array): void {
	let k = -1;
	const s2 = spacing * spacing;
	for (let q = 0; q < n; q++) {
		if (f[q] === Infinity) continue;
		let s = -Infinity;
		while (k >= 0) {
			const p = v[k]!;
			s = (f[q]! - f[p]! + s2 * (q * q - p * p)) / (2 * s2 * (q - p));
			if (s > z[k]!) break;
			k--;
		}
		k++;
		v[k] = q;
		z[k] = k === 0 ? -Infinity : s;
	}
	if (k < 0) {
		out.fill(Infinity, 0, n);
		return;
	}
	const top = k;
	k = 0;
	for (let q = 0; q < n; q++) {
		while (k < top && z[k + 1]! < q) k++;
		out[q] = s2 * (q - v[k]!) ** 2 + f[v[k]!]!;
	}
}

/** Distances from every pixel's middle to that of the nearest with in = 0. */
function distances(zero: Uint8Array, width: number, height: number, aspect: number): Float32Array {
	const n = Math.max(width, height), f = new Float64Array(n), out = new Float64Array(n), v = new Int32Array(n), z = new Float64Array(n + 1);
	const half = new Float64Array(width * height), done = new Float32Array(width * height);
	for (let x = 0; x < width; x++) {
		for (let y = 0; y < height; y++) f[y] = zero[y * width + x] ? 0 : Infinity;
		line(f, height, aspect, v, z, out);
		for (let y = 0; y < height; y++) half[y * width + x] = out[y]!;
	}
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++) f[x] = half[y * width + x]!;
		line(f, width, 1, v, z, out);
		for (let x = 0; x < width; x++) done[y * width + x] = Math.sqrt(out[x]!);
	}
	return done;
}

function field(m: BitMask, aspect: number): Field | undefined {
	let x0 = Infinity, x1 = -1, y0 = Infinity, y1 = -1, n = 0, sx = 0, sy = 0;
	const spans: [number, number, number][] = [];
	for (let y = 0; y < m.rows; y++) {
		for (let x = next(m, y, 0, false); x < m.columns; ) {
			const to = next(m, y, x, true), len = to - x;
			spans.push([y, x, to]);
			x0 = Math.min(x0, x);
			x1 = Math.max(x1, to);
			y0 = Math.min(y0, y);
			y1 = y + 1;
			n += len;
			sx += ((x + to) / 2) * len;
			sy += (y + 0.5) * len;
			x = next(m, y, to, false);
		}
	}
	if (n === 0) return undefined;
	x0--;
	y0--;
	const width = x1 + 1 - x0, height = y1 + 1 - y0, set = new Uint8Array(width * height);
	for (const [y, a, b] of spans) set.fill(1, (y - y0) * width + a - x0, (y - y0) * width + b - x0);
	const toSet = distances(set, width, height, aspect);
	const toUnset = distances(set.map((v) => 1 - v), width, height, aspect);
	const values = toSet.map((d, i) => (set[i] ? 0.5 - toUnset[i]! : d - 0.5));
	return { x0, y0, width, height, values, cx: sx / n, cy: sy / n };
}

/** The field at a pixel (its column and row, which need not be whole); beyond its box it grows by how far away that is. */
function sample(f: Field, x: number, y: number, aspect: number): number {
	const u = Math.min(f.width - 1, Math.max(0, x - f.x0)), v = Math.min(f.height - 1, Math.max(0, y - f.y0));
	const beyond = Math.hypot(x - f.x0 - u, (y - f.y0 - v) * aspect);
	const i = Math.min(f.width - 2, Math.floor(u)), j = Math.min(f.height - 2, Math.floor(v)), a = u - i, b = v - j, at = j * f.width + i;
	const { values } = f;
	return (1 - b) * ((1 - a) * values[at]! + a * values[at + 1]!) + b * ((1 - a) * values[at + f.width]! + a * values[at + f.width + 1]!) + beyond;
}

/** Masks at parts of the way from one to another, each 0 to 1; empty ones where one of the two is empty. */
export function between(from: BitMask, to: BitMask, parts: readonly number[], aspect = 1): BitMask[] {
	const a = field(from, aspect), b = field(to, aspect);
	return parts.map((t) => {
		const out = emptyMask(from.rows, from.columns);
		if (!a || !b) return out;
		const dx = b.cx - a.cx, dy = b.cy - a.cy;
		const x0 = Math.max(0, Math.floor(Math.min(a.x0 + t * dx, b.x0 - (1 - t) * dx))), y0 = Math.max(0, Math.floor(Math.min(a.y0 + t * dy, b.y0 - (1 - t) * dy)));
		const x1 = Math.min(out.columns, Math.ceil(Math.max(a.x0 + a.width + t * dx, b.x0 + b.width - (1 - t) * dx)));
		const y1 = Math.min(out.rows, Math.ceil(Math.max(a.y0 + a.height + t * dy, b.y0 + b.height - (1 - t) * dy)));
		for (let y = y0; y < y1; y++) {
			let run = -1;
			for (let x = x0; x < x1; x++) {
				const is = (1 - t) * sample(a, x - t * dx, y - t * dy, aspect) + t * sample(b, x + (1 - t) * dx, y + (1 - t) * dy, aspect) < 0;
				if (is && run < 0) run = x;
				if (!is && run >= 0) {
					setRange(out, y, run, x, true);
					run = -1;
				}
			}
			if (run >= 0) setRange(out, y, run, x1, true);
		}
		return out;
	});
}
