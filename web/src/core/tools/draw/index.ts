import type { ShapeKind } from '../../../api/types';
import type { Tool } from '../pen';
import { angle } from './angle';
import { bidirectional } from './bidirectional';
import { caliper } from './caliper';
import { ellipse } from './ellipse';
import { freehand } from './freehand';
import { length } from './length';
import { point } from './point';
import { polygon } from './polygon';
import { polyline } from './polyline';
import { rectangle } from './rectangle';
import { spline } from './spline';
import { trace } from './trace';

/** How every kind of shape is drawn. */
export const drawing: Readonly<Record<ShapeKind, Tool>> = {
	point, length, polyline, angle, bidirectional, rectangle, ellipse, polygon, spline, freehand, caliper, trace,
};
