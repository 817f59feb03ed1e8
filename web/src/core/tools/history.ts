/** What was done, so that it can be taken back: edits of shapes, and of masks as the pixels that changed. */
import type { Placed } from '../contract';
import type { MaskPatch } from '../masks/patch';

/** A shape that came (no before), went (no after) or changed. at: its place among the shapes. */
export interface Edit {
	readonly at: number;
	readonly before: Placed | undefined;
	readonly after: Placed | undefined;
}

export interface Entry {
	readonly edits: readonly Edit[];
	readonly masks: readonly MaskPatch[];
	/** steps by keys that belong together are one entry: equal words, one after the other */
	readonly nudge?: string | undefined;
}

export interface History {
	readonly done: readonly Entry[];
	readonly undone: readonly Entry[];
}

export const nothing: History = { done: [], undone: [] };

/** Entries that are kept. */
const most = 500;

export function record(h: History, e: Entry): History {
	if (!e.edits.length && !e.masks.length) return h;
	const last = h.done.at(-1);
	if (last && e.nudge !== undefined && last.nudge === e.nudge && !h.undone.length)
		return { done: [...h.done.slice(0, -1), { ...last, edits: last.edits.map((d, i) => ({ ...d, after: e.edits[i]!.after })) }], undone: [] };
	return { done: [...h.done, e].slice(-most), undone: [] };
}

/** The entry that takes an entry back. */
export const inverse = (e: Entry): Entry => ({
	edits: e.edits.map(({ at, before, after }) => ({ at, before: after, after: before })).reverse(),
	masks: [...e.masks].reverse(), // a patch is its own inverse
});

export function apply(shapes: readonly Placed[], edits: readonly Edit[]): readonly Placed[] {
	for (const { at, before, after } of edits) {
		if (!before && after) shapes = [...shapes.slice(0, at), after, ...shapes.slice(at)];
		else if (before && !after) shapes = shapes.filter((s) => s.id !== before.id);
		else if (before && after) shapes = shapes.map((s) => (s.id === after.id ? after : s));
	}
	return shapes;
}
