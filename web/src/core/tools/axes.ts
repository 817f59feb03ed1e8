/** Lines at right angles as a picture with pixels that are not square is shown: view space is (x, y·aspect). */
import type { Point } from '../../api/types';
import { inside, type Picture } from './plane';

/** The direction across ab: a unit vector of view space, and what that is in image space. Undefined where a is b. */
export function across(a: Point, b: Point, aspect: number): { view: Point; image: Point } | undefined {
	const x = b[0] - a[0], y = (b[1] - a[1]) * aspect, len = Math.hypot(x, y);
	if (len === 0) return undefined;
	return { view: [-y / len, x / len], image: [-y / len, x / len / aspect] };
}

/** How many times a direction one can go from p until the picture ends. */
export function reach(p: Point, dir: Point, { rows, columns }: Picture): number {
	const one = (x: number, d: number, end: number): number => (d > 0 ? (end - x) / d : d < 0 ? -x / d : Infinity);
	return Math.max(0, Math.min(one(p[0], dir[0], columns), one(p[1], dir[1], rows)));
}

/** The point that lies far times dir from p, or where the picture ends on the way there. */
export function within(p: Point, dir: Point, far: number, picture: Picture): Point {
	const d: Point = far < 0 ? [-dir[0], -dir[1]] : dir;
	const f = Math.min(Math.abs(far), reach(p, d, picture));
	return inside([p[0] + d[0] * f, p[1] + d[1] * f], picture);
}
