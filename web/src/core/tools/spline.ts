/** The closed uniform Catmull–Rom curve (Catmull and Rom 1974), as annotate/measure/geometry.go measures it. */
import type { Point } from '../../api/types';
import { maxPoints } from './kinds';

/** Coefficients of one piece: c0 + t·(c1 + t·(c2 + t·c3)). */
export type Cubic = readonly [Point, Point, Point, Point];

/** The piece from p[i] to the next. */
export function segment(p: readonly Point[], i: number): Cubic {
	const n = p.length;
	const a = p[(i + n - 1) % n]!, b = p[i]!, d = p[(i + 1) % n]!, e = p[(i + 2) % n]!;
	const of = (f: (k: 0 | 1) => number): Point => [f(0), f(1)];
	return [
		b,
		of((k) => (d[k] - a[k]) / 2),
		of((k) => a[k] - 2.5 * b[k] + 2 * d[k] - e[k] / 2),
		of((k) => 1.5 * b[k] - 1.5 * d[k] + e[k] / 2 - a[k] / 2),
	];
}

export const at = (c: Cubic, t: number): Point => [
	c[0][0] + t * (c[1][0] + t * (c[2][0] + t * c[3][0])),
	c[0][1] + t * (c[1][1] + t * (c[2][1] + t * c[3][1])),
];

/** Lines that a piece is drawn with; the server finds out with as many whether a curve crosses itself, and fills as many. */
export const steps = (n: number): number => Math.max(2, Math.min(16, Math.floor(maxPoints / n)));

/** The curve as a polygon. */
export function flatten(p: readonly Point[]): Point[] {
	const out: Point[] = [], parts = steps(p.length);
	for (let i = 0; i < p.length; i++) {
		const c = segment(p, i);
		for (let k = 0; k < parts; k++) out.push(at(c, k / parts));
	}
	return out;
}
