/** Landmarks and discs of a traced ventricle, as annotate/measure/ventricle.go sums them. A picture: the numbers are the server's. */
import type { Point } from '../../api/types';
import { dot, middle, minus, plus, times } from './plane';

/** Of Simpson's rule (methods/ejection). */
export const discs = 20;

export interface Ventricle {
	/** middle of the valve: of the trace's two ends */
	readonly base: Point;
	/** the traced point farthest from the base */
	readonly apex: Point;
	/** where in the trace the apex is */
	readonly index: number;
	readonly length: number;
}

/**
 * Landmarks of a trace. size is what a pixel is worth in both directions, in one unit (the server's x and y), as the farthest point
 * depends on it. Undefined for fewer than five points, or where all lie in one place.
 */
export function ventricle(trace: readonly Point[], size: Point = [1, 1]): Ventricle | undefined {
	if (trace.length < 5) return undefined;
	const base = middle(trace[0]!, trace.at(-1)!);
	let length = 0, index = 0;
	for (let i = 1; i < trace.length - 1; i++) {
		const d = Math.hypot((trace[i]![0] - base[0]) * size[0], (trace[i]![1] - base[1]) * size[1]);
		if (d > length) [length, index] = [d, i];
	}
	return length === 0 ? undefined : { base, apex: trace[index]!, index, length };
}

export interface Disc {
	/** pieces inside of the trace, in image space */
	readonly chords: readonly (readonly [Point, Point])[];
	/** their lengths added up, in size's unit */
	readonly diameter: number;
}

/** The middle lines of n discs across the long axis, from the apex to the base. */
export function discsOf(trace: readonly Point[], size: Point = [1, 1], n = discs): Disc[] {
	const v = ventricle(trace, size);
	if (!v) return [];
	const scaled = (p: Point): Point => [p[0] * size[0], p[1] * size[1]];
	const apex = scaled(v.apex), dir = times(minus(scaled(v.base), apex), 1 / v.length), across: Point = [-dir[1], dir[0]];
	const at = trace.map((p) => minus(scaled(p), apex));
	const back = (h: number, x: number): Point => {
		const p = plus(apex, plus(times(dir, h), times(across, x)));
		return [p[0] / size[0], p[1] / size[1]];
	};
	return Array.from({ length: n }, (_, i) => {
		const h = ((i + 0.5) / n) * v.length;
		const xs: number[] = [];
		let sum = 0;
		for (let k = 0; k < at.length; k++) {
			const p = at[k]!, q = at[(k + 1) % at.length]!;
			const a = dot(p, dir) - h, b = dot(q, dir) - h;
			if (a <= 0 === b <= 0) continue;
			const x = dot(p, across) + (a / (a - b)) * (dot(q, across) - dot(p, across));
			xs.push(x);
			sum += a <= 0 ? x : -x;
		}
		xs.sort((x, y) => x - y);
		const chords: (readonly [Point, Point])[] = [];
		for (let k = 0; k + 1 < xs.length; k += 2) chords.push([back(h, xs[k]!), back(h, xs[k + 1]!)]);
		return { chords, diameter: Math.abs(sum) };
	});
}
