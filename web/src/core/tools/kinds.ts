import type { ShapeKind } from '../../api/types';

/** As annotate/measure/shape.go has it: how many points, at least and at most. */
export const maxPoints = 4096;
export const counts: Readonly<Record<ShapeKind, readonly [least: number, most: number]>> = {
	point: [1, 1],
	length: [2, 2],
	polyline: [2, maxPoints],
	angle: [3, 4],
	bidirectional: [4, 4],
	rectangle: [2, 2],
	ellipse: [4, 4],
	polygon: [3, maxPoints],
	spline: [3, maxPoints],
	freehand: [3, maxPoints],
	caliper: [2, 2],
	trace: [5, maxPoints],
};

/** Kinds whose points may be any number, so that one can be put in or taken out. */
export const anyNumber = (k: ShapeKind): boolean => counts[k][1] === maxPoints;

/** Kinds that enclose something. */
export const closed = (k: ShapeKind): boolean =>
	k === 'polygon' || k === 'spline' || k === 'freehand' || k === 'trace' || k === 'rectangle' || k === 'ellipse';
