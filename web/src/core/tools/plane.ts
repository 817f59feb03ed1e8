/** Sums of points, in whatever space they are. */
import type { Point } from '../../api/types';

export const plus = (p: Point, q: Point): Point => [p[0] + q[0], p[1] + q[1]];
export const minus = (p: Point, q: Point): Point => [p[0] - q[0], p[1] - q[1]];
export const times = (p: Point, f: number): Point => [p[0] * f, p[1] * f];
export const dot = (p: Point, q: Point): number => p[0] * q[0] + p[1] * q[1];
export const cross = (p: Point, q: Point): number => p[0] * q[1] - p[1] * q[0];
export const middle = (p: Point, q: Point): Point => [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
export const mix = (p: Point, q: Point, t: number): Point => [p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])];
export const same = (p: Point, q: Point): boolean => p[0] === q[0] && p[1] === q[1];

/** What a tool has to know of the picture: its size in pixels, and how many times as high as wide a pixel is shown. */
export interface Picture {
	readonly rows: number;
	readonly columns: number;
	readonly aspect: number;
}

/** The nearest point of the picture; its outer edges belong to it. */
export const inside = (p: Point, { rows, columns }: Picture): Point => [Math.min(columns, Math.max(0, p[0])), Math.min(rows, Math.max(0, p[1]))];

/** How far points can be moved in a direction without one of them leaving the picture, at most by all of it. */
export function room(points: readonly Point[], by: Point, { rows, columns }: Picture): Point {
	let [x, y] = by;
	for (const p of points) {
		x = Math.min(columns - p[0], Math.max(-p[0], x));
		y = Math.min(rows - p[1], Math.max(-p[1], y));
	}
	return [x, y];
}

/** The point of the line from a to b that is nearest to p, and how far along it is, 0 to 1. */
export function nearest(p: Point, a: Point, b: Point): { at: Point; t: number; distance: number } {
	const ab = minus(b, a), len = dot(ab, ab);
	const t = len === 0 ? 0 : Math.min(1, Math.max(0, dot(minus(p, a), ab) / len));
	const at = mix(a, b, t);
	return { at, t, distance: Math.hypot(p[0] - at[0], p[1] - at[1]) };
}

export function pathLength(points: readonly Point[], closed = false): number {
	let sum = 0;
	for (let i = 1; i < points.length; i++) sum += Math.hypot(points[i]![0] - points[i - 1]![0], points[i]![1] - points[i - 1]![1]);
	if (closed && points.length > 1) sum += Math.hypot(points[0]![0] - points.at(-1)![0], points[0]![1] - points.at(-1)![1]);
	return sum;
}

/** n points at equal distances along a path; of an open one both ends are among them, of a closed one the first. */
export function resample(points: readonly Point[], n: number, closed: boolean): Point[] {
	const path = closed ? [...points, points[0]!] : points;
	const total = pathLength(path);
	const step = total / (closed ? n : n - 1);
	const out: Point[] = [];
	let i = 1, gone = 0;
	for (let k = 0; k < n; k++) {
		const want = Math.min(total, k * step);
		let len = Math.hypot(path[i]![0] - path[i - 1]![0], path[i]![1] - path[i - 1]![1]);
		while (i < path.length - 1 && gone + len < want) {
			gone += len;
			i++;
			len = Math.hypot(path[i]![0] - path[i - 1]![0], path[i]![1] - path[i - 1]![1]);
		}
		out.push(len === 0 ? path[i]! : mix(path[i - 1]!, path[i]!, Math.min(1, (want - gone) / len)));
	}
	return out;
}
