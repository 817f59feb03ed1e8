import type { Point } from '../api/types';

export type { Point };

/** Maps (x,y) to (a·x + c·y + e, b·x + d·y + f), as SVG and canvas write it. */
export interface Affine {
	readonly a: number;
	readonly b: number;
	readonly c: number;
	readonly d: number;
	readonly e: number;
	readonly f: number;
}

export const identity: Affine = { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0 };

export const apply = (m: Affine, [x, y]: Point): Point => [m.a * x + m.c * y + m.e, m.b * x + m.d * y + m.f];

/** First n, then m. */
export const compose = (m: Affine, n: Affine): Affine => ({
	a: m.a * n.a + m.c * n.b,
	b: m.b * n.a + m.d * n.b,
	c: m.a * n.c + m.c * n.d,
	d: m.b * n.c + m.d * n.d,
	e: m.a * n.e + m.c * n.f + m.e,
	f: m.b * n.e + m.d * n.f + m.f,
});

export function invert(m: Affine): Affine {
	const det = m.a * m.d - m.b * m.c;
	return {
		a: m.d / det,
		b: -m.b / det,
		c: -m.c / det,
		d: m.a / det,
		e: (m.c * m.f - m.d * m.e) / det,
		f: (m.b * m.e - m.a * m.f) / det,
	};
}

/** Image pixels in one unit of the screen, in the direction that is stretched least: tolerances in image space are so many times it. */
export const pixelsPerScreen = (m: Affine): number => 1 / Math.max(Math.hypot(m.a, m.b), Math.hypot(m.c, m.d));

export const distance = (p: Point, q: Point): number => Math.hypot(p[0] - q[0], p[1] - q[1]);
