import type { Image, Stack, Sync } from '../../api/types';
import { dot, depthOf, normal, sliceAt } from '../stack/space';
import { durations } from '../viewport/timeline';

/** What synchronising needs to know of a display. */
export interface Track {
	readonly image: Pick<Image, 'frames' | 'times_ms' | 'marks'>;
	readonly stack: Stack | undefined;
}

/** Times at which frames begin, and the end of the last one: ms. */
function beginnings(t: Track): number[] {
	const out = [0];
	for (const d of durations(t.image.frames, t.image.times_ms)) out.push(out[out.length - 1]! + d);
	return out;
}

/** The frame that is seen at a time of a loop that goes round. */
function frameAt(starts: readonly number[], ms: number): number {
	const length = starts[starts.length - 1]!;
	const t = ((ms % length) + length) % length;
	let n = 0;
	while (n + 1 < starts.length - 1 && starts[n + 1]! <= t + 1e-6) n++;
	return n;
}

/**
 * The frame that a follower shows when a leader shows one; undefined: the follower stays where it is.
 *
 * - frame: the same number, at most the last.
 * - time: the same time since the first frame; a shorter loop goes round.
 * - phase: the same part of a heart's cycle, from one ED mark to the next; of loops that have one mark only, the same time since it; without marks
 *   as time.
 * - position: the slice at the same place, of stacks in one frame of reference whose slices are parallel (within 30 degrees); of others the same distance
 *   from the first slice plus `offset` mm.
 */
export function follow(sync: Sync, leader: Track, frame: number, follower: Track, offset = 0): number | undefined {
	switch (sync) {
		case 'none':
			return undefined;
		case 'frame':
			return Math.min(frame, follower.image.frames - 1);
		case 'time': {
			return frameAt(beginnings(follower), beginnings(leader)[frame]!);
		}
		case 'phase': {
			const a = edges(leader), b = edges(follower);
			if (!a.length || !b.length) return follow('time', leader, frame, follower);
			const starts = beginnings(follower);
			return frameAt(starts, sameBeat(a, beginnings(leader)[frame]!, b));
		}
		case 'position': {
			const from = leader.stack, to = follower.stack;
			if (!from || !to || to.slices.length < 2) return undefined;
			const slice = from.slices[Math.min(frame, from.slices.length - 1)]!;
			if (from.space === to.space) return Math.abs(dot(normal(from), normal(to))) < Math.cos(Math.PI / 6) ? undefined : sliceAt(to, depthOf(to, slice.at)).slice;
			return sliceAt(to, slice.mm + offset).slice;
		}
	}
}

/** Times of ED marks, in order. */
function edges(t: Track): number[] {
	const starts = beginnings(t);
	return (t.image.marks ?? []).filter((m) => m.name === 'ED' && m.frame >= 0 && m.frame < t.image.frames).map((m) => starts[m.frame]!).sort((x, y) => x - y);
}

/** The time in a loop with ED at b at which the heart is as far as at time t in one with ED at a. */
function sameBeat(a: readonly number[], t: number, b: readonly number[]): number {
	let k = 0; // the beat that t lies in begins with a[k]
	while (k + 1 < a.length && a[k + 1]! <= t + 1e-6) k++;
	const beats = Math.max(1, b.length - 1);
	const j = k % beats;
	const from = a[k]!, to = a[k + 1];
	const otherFrom = b[j]!, otherTo = b[j + 1];
	if (t < from || to === undefined || otherTo === undefined) {
		// Before the first ED or after the last: the beat is not whole, and time goes as it does.
		const whole = t >= from && otherTo !== undefined && a.length > 1 && b.length > 1;
		const rate = whole ? (otherTo - otherFrom) / (from - a[k - 1]!) : 1;
		return otherFrom + (t - from) * rate;
	}
	return otherFrom + ((t - from) / (to - from)) * (otherTo - otherFrom);
}
