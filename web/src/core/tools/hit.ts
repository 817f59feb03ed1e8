/** What lies under a pointer. */
import type { Point } from '../../api/types';
import type { Placed } from '../contract';
import { distance } from '../geometry';
import { handles, nearestLine } from './handles';
import type { Picture } from './plane';
import { outline } from './strokes';

export interface Hit {
	readonly id: string;
	/** number of the handle; undefined: the line or what it encloses */
	readonly handle: number | undefined;
	readonly on: 'handle' | 'line' | 'inside';
}

/** Even-odd rule. */
export function holds(out: readonly Point[], [x, y]: Point): boolean {
	let odd = false;
	for (let i = 0, j = out.length - 1; i < out.length; j = i++) {
		const p = out[i]!, q = out[j]!;
		if (p[1] <= y !== q[1] <= y && x > p[0] + ((y - p[1]) / (q[1] - p[1])) * (q[0] - p[0])) odd = !odd;
	}
	return odd;
}

function area(out: readonly Point[]): number {
	let sum = 0;
	for (let i = 0; i < out.length; i++) {
		const p = out[i]!, q = out[(i + 1) % out.length]!;
		sum += p[0] * q[1] - q[0] * p[1];
	}
	return Math.abs(sum) / 2;
}

/**
 * The own shape of a frame under a place: a handle of the selected one, else the nearest line, else, where that is asked for, the smallest that
 * holds it. Points that are nearer than near count. What is enclosed is not asked for without reason: who pans from there would move a shape.
 */
export function hit(shapes: readonly Placed[], at: Point, near: number, frame: number, selected: string | undefined, picture: Picture, inside = false): Hit | undefined {
	const here = shapes.filter((s) => s.layer === 'own' && s.shape.frame === frame);
	const chosen = here.find((s) => s.id === selected);
	if (chosen) {
		let best = near, handle: number | undefined;
		handles(chosen.shape, picture).forEach((h, i) => {
			const d = distance(h.at, at);
			if (d <= best) [best, handle] = [d, i];
		});
		if (handle !== undefined) return { id: chosen.id, handle, on: 'handle' };
	}
	let line: Hit | undefined, best = near;
	for (const s of here) {
		const d = nearestLine(s.shape, at)?.distance ?? Infinity;
		// What was drawn last lies on top.
		if (d <= best) [best, line] = [d, { id: s.id, handle: undefined, on: 'line' }];
	}
	if (line || !inside) return line;
	let within: Hit | undefined, least = Infinity;
	for (const s of here) {
		const out = outline(s.shape);
		if (!out || !holds(out, at)) continue;
		const a = area(out);
		if (a < least) [least, within] = [a, { id: s.id, handle: undefined, on: 'inside' }];
	}
	return within;
}
