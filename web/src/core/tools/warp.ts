/** Contours that give way: as a whole when a landmark is moved, around a place when they are pulled, in part when they are drawn anew. */
import type { Point } from '../../api/types';
import { distance } from '../geometry';
import { cross, minus, pathLength, plus, times } from './plane';

/**
 * Points after the affine map that takes three landmarks to three others; undefined where the landmarks lie on one line. Moving one of a
 * trace's apex and the sides of its valve leaves the two others where they are.
 */
export function warp(p: readonly Point[], from: readonly [Point, Point, Point], to: readonly [Point, Point, Point]): Point[] | undefined {
	const u = minus(from[1], from[0]), v = minus(from[2], from[0]), area = cross(u, v);
	if (Math.abs(area) < 1e-9) return undefined;
	const a = minus(to[1], to[0]), b = minus(to[2], to[0]);
	return p.map((q) => {
		const d = minus(q, from[0]);
		return plus(to[0], plus(times(a, cross(d, v) / area), times(b, cross(u, d) / area)));
	});
}

/** Points pulled by a vector at one of them: half a cosine along the line, nothing beyond reach (image pixels of line). */
export function pull(p: readonly Point[], closed: boolean, at: number, by: Point, reach: number): Point[] {
	const n = p.length, away = new Float64Array(n).fill(Infinity);
	away[at] = 0;
	for (const step of [1, n - 1]) {
		let gone = 0;
		for (let k = 1, i = at; k < n; k++) {
			const j = (i + step) % n;
			if (!closed && (step === 1 ? j === 0 : i === 0)) break;
			gone += distance(p[i]!, p[j]!);
			if (gone >= reach) break;
			away[j] = Math.min(away[j]!, gone);
			i = j;
		}
	}
	return p.map((q, i) => (away[i]! < Infinity ? plus(q, times(by, (1 + Math.cos((Math.PI * away[i]!) / reach)) / 2)) : q));
}

/** The point of a path that is nearest to a place. */
function nearestPoint(p: readonly Point[], to: Point): number {
	let best = 0;
	for (let i = 1; i < p.length; i++) if (distance(p[i]!, to) < distance(p[best]!, to)) best = i;
	return best;
}

/**
 * A contour with a part of it drawn anew: the stroke takes the place of what lies between where it begins and where it ends. Of a closed
 * one that is the shorter way round, as the longer one is what was meant to stay. Undefined where the stroke does not begin and end on it.
 */
export function redraw(p: readonly Point[], closed: boolean, stroke: readonly Point[], near: number): Point[] | undefined {
	if (stroke.length < 2 || p.length < 3) return undefined;
	const begin = nearestPoint(p, stroke[0]!), end = nearestPoint(p, stroke.at(-1)!);
	if (distance(p[begin]!, stroke[0]!) > near || distance(p[end]!, stroke.at(-1)!) > near) return undefined;
	const [a, b] = begin <= end ? [begin, end] : [end, begin];
	const s = begin <= end ? stroke : [...stroke].reverse();
	if (!closed) return [...p.slice(0, a), ...s, ...p.slice(b + 1)];
	const between = pathLength(p.slice(a, b + 1));
	if (between <= pathLength(p, true) - between) return [...p.slice(0, a), ...s, ...p.slice(b + 1)];
	return [...p.slice(a + 1, b), ...[...s].reverse()];
}
