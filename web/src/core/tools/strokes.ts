/** The lines that a shape is drawn with, in image space: what is seen, what is hit, what is filled. */
import type { Point, Shape } from '../../api/types';
import { middle, minus, plus, times } from './plane';
import { flatten } from './spline';

export interface Stroke {
	readonly points: readonly Point[];
	readonly closed: boolean;
}

/** Corners of a rectangle with two opposite ones. */
export const corners = ([p, q]: readonly Point[]): Point[] => [p!, [q![0], p![1]], q!, [p![0], q![1]]];

/** An ellipse of conjugate diameters as a polygon of 128 corners, the server's. */
export function ellipse(p: readonly Point[]): Point[] {
	const m = middle(middle(p[0]!, p[1]!), middle(p[2]!, p[3]!));
	const a = times(minus(p[1]!, p[0]!), 0.5), b = times(minus(p[3]!, p[2]!), 0.5);
	return Array.from({ length: 128 }, (_, i) => {
		const t = (2 * Math.PI * i) / 128;
		return plus(plus(m, times(a, Math.cos(t))), times(b, Math.sin(t)));
	});
}

/** Strokes of a shape that may not have all its points yet. */
export function strokes({ kind, points: p }: Pick<Shape, 'kind' | 'points'>): Stroke[] {
	const n = p.length;
	switch (kind) {
		case 'point':
			return n ? [{ points: p, closed: false }] : [];
		case 'rectangle':
			return n === 2 ? [{ points: corners(p), closed: true }] : [];
		case 'ellipse':
			return n === 4 ? [{ points: ellipse(p), closed: true }] : [{ points: p, closed: false }];
		case 'spline':
			return n >= 3 ? [{ points: flatten(p), closed: true }] : [{ points: p, closed: false }];
		case 'polygon':
		case 'freehand':
			return [{ points: p, closed: n >= 3 }];
		case 'bidirectional':
			return [{ points: p.slice(0, 2), closed: false }, ...(n > 2 ? [{ points: p.slice(2), closed: false }] : [])];
		case 'angle':
			return n === 4 ? [{ points: p.slice(0, 2), closed: false }, { points: p.slice(2), closed: false }] : [{ points: p, closed: false }];
		default: // length, polyline, caliper; a trace's valve is no part of its wall
			return [{ points: p, closed: false }];
	}
}

/** The closed outline as a polygon, the server's; undefined where nothing is enclosed. */
export function outline(s: Pick<Shape, 'kind' | 'points'>): readonly Point[] | undefined {
	if (s.kind === 'trace') return s.points.length >= 5 ? s.points : undefined;
	const first = strokes(s)[0];
	return first?.closed ? first.points : undefined;
}
