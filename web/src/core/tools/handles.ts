/** What of a shape can be taken hold of, and what becomes of it when that is moved. */
import type { Point, Shape } from '../../api/types';
import { across, reach, within } from './axes';
import { anyNumber, counts } from './kinds';
import { inside, middle, minus, nearest, pathLength, type Picture } from './plane';
import { strokes } from './strokes';
import { steps } from './spline';
import { pull, warp } from './warp';
import { ventricle } from './ventricle';

/** Outlines of more points than this have a few handles that pull what is around them, not one a point. */
export const dense = 40;

type Drawing = Pick<Shape, 'kind' | 'points'>;

/** A handle. vertex: that point; corner: of a rectangle; landmark: moves all of a trace with it; pull: moves what is around. */
export interface Handle {
	readonly at: Point;
	readonly kind: 'vertex' | 'corner' | 'landmark' | 'pull';
	/** of the point, or of the corner */
	readonly index: number;
}

const isDense = (s: Drawing): boolean => (s.kind === 'freehand' || s.kind === 'trace') && s.points.length > dense;

/** Handles in the order in which Tab goes through them. Of a trace the two sides of the valve and the apex are the first three. */
export function handles(s: Drawing, picture: Picture): Handle[] {
	const p = s.points;
	if (s.kind === 'rectangle' && p.length === 2) return strokes(s)[0]!.points.map((at, index) => ({ at, kind: 'corner', index }));
	const v = s.kind === 'trace' ? ventricle(p, [1, picture.aspect]) : undefined;
	const marks: Handle[] = v ? [0, v.index, p.length - 1].map((index) => ({ at: p[index]!, kind: 'landmark', index })) : [];
	if (isDense(s)) {
		const each = s.kind === 'trace' ? [1, 2, 3, 5, 6, 7].map((k) => k / 8) : Array.from({ length: 12 }, (_, k) => k / 12);
		return [...marks, ...each.map((f) => alongside(p, s.kind === 'freehand', f)).map((index): Handle => ({ at: p[index]!, kind: 'pull', index }))];
	}
	const taken = new Set(marks.map((h) => h.index));
	return [...marks, ...p.map((at, index): Handle => ({ at, kind: 'vertex', index })).filter((h) => !taken.has(h.index))];
}

/** The point of a path that is nearest to a part of its length. */
function alongside(p: readonly Point[], closed: boolean, part: number): number {
	const want = part * pathLength(p, closed);
	let gone = 0;
	for (let i = 1; i < p.length; i++) {
		const d = Math.hypot(p[i]![0] - p[i - 1]![0], p[i]![1] - p[i - 1]![1]);
		if (gone + d >= want) return want - gone < d / 2 ? i - 1 : i;
		gone += d;
	}
	return closed ? 0 : p.length - 1;
}

const replace = (p: readonly Point[], i: number, q: Point): Point[] => p.map((o, k) => (k === i ? q : o));

/** The points after a handle went to another place, none of them outside of the picture. */
export function moveHandle(s: Drawing, h: Handle, to: Point, picture: Picture): readonly Point[] {
	const p = s.points, q = inside(to, picture);
	switch (h.kind) {
		case 'corner': {
			const [a, b] = p as [Point, Point];
			return [
				[h.index === 0 || h.index === 3 ? q[0] : a[0], h.index < 2 ? q[1] : a[1]],
				[h.index === 1 || h.index === 2 ? q[0] : b[0], h.index > 1 ? q[1] : b[1]],
			];
		}
		case 'landmark': {
			const v = ventricle(p, [1, picture.aspect])!;
			const marks = [p[0]!, p[v.index]!, p.at(-1)!] as const;
			const k = h.index === 0 ? 0 : h.index === p.length - 1 ? 2 : 1;
			const moved = warp(p, marks, replace(marks, k, q) as unknown as typeof marks);
			return moved ? moved.map((o, i) => (i === h.index ? q : inside(o, picture))) : replace(p, h.index, q);
		}
		case 'pull':
			return pull(p, s.kind !== 'trace', h.index, minus(q, p[h.index]!), pathLength(p) / 8).map((o) => inside(o, picture));
		case 'vertex':
			return s.kind === 'ellipse' ? ellipseEnd(p, h.index, q, picture) : replace(p, h.index, q);
	}
}

/** An ellipse keeps its middle; the other axis keeps its length and turns along. */
function ellipseEnd(p: readonly Point[], index: number, q: Point, picture: Picture): readonly Point[] {
	const m = middle(middle(p[0]!, p[1]!), middle(p[2]!, p[3]!));
	const first = index < 2 ? 0 : 2, other = 2 - first;
	const d = minus(q, m), back = reach(m, [-d[0], -d[1]], picture);
	const end: Point = back < 1 ? [m[0] + d[0] * back, m[1] + d[1] * back] : q;
	const opposite: Point = [2 * m[0] - end[0], 2 * m[1] - end[1]];
	const n = across(opposite, end, picture.aspect);
	if (!n) return p;
	const half = Math.hypot(p[other + 1]![0] - p[other]![0], (p[other + 1]![1] - p[other]![1]) * picture.aspect) / 2;
	const h = Math.min(half, reach(m, n.image, picture), reach(m, [-n.image[0], -n.image[1]], picture));
	const axis = index % 2 ? [opposite, end] : [end, opposite];
	const side = [within(m, n.image, -h, picture), within(m, n.image, h, picture)];
	// The ends of the other axis stay on their own sides.
	const before = minus(p[other + 1]!, m);
	if (before[0] * n.image[0] + before[1] * n.image[1] < 0) side.reverse();
	return (first === 0 ? [...axis, ...side] : [...side, ...axis]) as Point[];
}

/** Where a line of the shape is nearest to a place; before: the number of the point that one put in there would have. */
export function nearestLine(s: Drawing, to: Point): { at: Point; before: number; distance: number } | undefined {
	let best: { at: Point; before: number; distance: number } | undefined;
	let first = 0;
	for (const { points: q, closed } of strokes(s)) {
		for (let i = 0; i + 1 < q.length + (closed ? 1 : 0); i++) {
			const n = nearest(to, q[i]!, q[(i + 1) % q.length]!);
			if (best && n.distance >= best.distance) continue;
			const before = s.kind === 'spline' && closed ? Math.floor(i / steps(s.points.length)) + 1 : first + i + 1;
			best = { at: n.at, before, distance: n.distance };
		}
		if (q.length === 1) best = { at: q[0]!, before: 0, distance: Math.hypot(to[0] - q[0]![0], to[1] - q[0]![1]) };
		first += q.length;
	}
	return best;
}

/** The points with one more, on the line; undefined where the kind has as many as it may. */
export function insert(s: Drawing, to: Point): readonly Point[] | undefined {
	const n = nearestLine(s, to);
	if (!n || !anyNumber(s.kind) || s.points.length >= counts[s.kind][1]) return undefined;
	return [...s.points.slice(0, n.before), n.at, ...s.points.slice(n.before)];
}

/** The points without one; undefined where the kind needs it. */
export function withdraw(s: Drawing, index: number): readonly Point[] | undefined {
	if (!anyNumber(s.kind) || s.points.length <= counts[s.kind][0]) return undefined;
	return s.points.filter((_, i) => i !== index);
}
