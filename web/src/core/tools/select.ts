/** Changing shapes that are there: pure steps of a press, its moves and its end. */
import type { Drawn, Point } from '../../api/types';
import { handles, insert, moveHandle, nearestLine, withdraw, dense, type Handle } from './handles';
import type { Hit } from './hit';
import { inside, minus, pathLength, plus, room, type Picture } from './plane';
import { pull } from './warp';

/** What is held. */
export interface Hold {
	readonly id: string;
	readonly from: Point;
	/** the shape when it was taken hold of */
	readonly was: Drawn;
	readonly how: { readonly by: 'handle'; readonly handle: Handle } | { readonly by: 'line'; readonly index: number } | { readonly by: 'all' };
	readonly moved: boolean;
}

/** Takes hold of what was hit: handles move by themselves, contours of many points give way where their line is pressed, all else moves as a whole; with alt everything does. */
export function take(h: Hit, s: Drawn, at: Point, alt: boolean, picture: Picture): Hold {
	const base = { id: h.id, from: at, was: s, moved: false };
	if (h.handle !== undefined && !alt) return { ...base, how: { by: 'handle', handle: handles(s, picture)[h.handle]! } };
	if (h.on === 'line' && !alt && (s.kind === 'freehand' || s.kind === 'trace') && s.points.length > dense) {
		return { ...base, how: { by: 'line', index: nearestLine(s, at)!.before % s.points.length } };
	}
	return { ...base, how: { by: 'all' } };
}

/** The shape with what is held at a place. */
export function hold({ was, how, from }: Hold, to: Point, picture: Picture): Drawn {
	const by = minus(to, from);
	switch (how.by) {
		case 'handle':
			// Where it was pressed beside the handle it does not jump.
			return { ...was, points: moveHandle(was, how.handle, plus(how.handle.at, by), picture) };
		case 'line':
			return { ...was, points: pull(was.points, was.kind !== 'trace', how.index, by, pathLength(was.points) / 10).map((p) => inside(p, picture)) };
		case 'all':
			return { ...was, points: shift(was.points, by, picture) };
	}
}

export const shift = (p: readonly Point[], by: Point, picture: Picture): Point[] => {
	const r = room(p, by, picture);
	return p.map((q) => inside(plus(q, r), picture));
};

/** A double click puts a point into a line, and takes away one that it hits. Undefined: nothing to do. */
export function double(h: Hit, s: Drawn, at: Point, picture: Picture): Drawn | undefined {
	const handle = h.handle === undefined ? undefined : handles(s, picture)[h.handle];
	const points = handle ? (handle.kind === 'vertex' ? withdraw(s, handle.index) : undefined) : h.on === 'line' ? insert(s, at) : undefined;
	return points && { ...s, points };
}
