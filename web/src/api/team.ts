/** Working together on a shared reading, as the server says it (Go package web/reading: together.go, live.go; annotate: comment.go, lease.go). */
import { get } from './client';
import type { Drawn, Point } from './types';

/** Where somebody is: images from 1 (0 or absent: none in particular), frames from 0. */
export interface Place {
	readonly reading: string;
	readonly image?: number;
	readonly frame?: number;
}

/** Somebody else in the reading. */
export interface Person {
	readonly who: string;
	readonly image?: number;
	readonly frame?: number;
}

/** One stroke of a brush from its beginning; radius in image pixels. */
export interface Stroke {
	readonly erase?: boolean;
	readonly radius: number;
	readonly points: readonly Point[];
}

/** A shape or a stroke while it is being made, in image space. Each message has all of it: one that is missed costs nothing. */
export interface Drawing {
	readonly reading: string;
	readonly image: number;
	readonly frame: number;
	readonly item?: string;
	/** the answer that is being changed, or the name that a new one will have */
	readonly object?: string;
	readonly shape?: Drawn;
	readonly stroke?: Stroke;
	readonly cursor?: Point;
	/** finished or given up */
	readonly done?: boolean;
}

/** What somebody else draws at this moment. */
export interface LiveDrawing extends Drawing {
	readonly who: string;
}

/** What is painted: a mask item of a reading in one frame. */
export interface PaintPlace {
	readonly reading: string;
	readonly item: string;
	readonly image: number;
	readonly frame: number;
}

/** Who paints it. */
export interface Lease extends PaintPlace {
	readonly holder: string;
	/** that it still holds, from when it was told */
	readonly ms: number;
}

export interface Comment {
	readonly id: string;
	readonly at: string;
	readonly author: string;
	readonly text: string;
	/** from 1; absent: of the whole exam */
	readonly image?: number;
	/** from 0 */
	readonly frame?: number;
	/** id of the comment that it answers */
	readonly reply?: string;
}

/** A reading that somebody shared with one; its pictures are at caseOf(id). */
export interface SharedReading {
	readonly id: string;
	readonly reader: string;
	readonly locked: boolean;
	readonly opened: string;
}

export const comments = (reading: string) => get<Comment[]>(`/api/readings/${reading}/comments`);
export const shared = () => get<SharedReading[]>('/api/shared');

/** The pool of cases for whoever is free; where a study has none nothing is left. The next one is taken with the op case.take. */
export interface Pool {
	/** there is a case that one would get */
	readonly left: boolean;
	/** one has a case that is not done: it comes first */
	readonly holding: boolean;
	/** for those who may know of progress */
	readonly counts?: { readonly open: number; readonly taken: number; readonly done: number };
}

/** How far a masked reader is. */
export interface Progress {
	readonly reader: string;
	readonly assigned: number;
	readonly drafts: number;
	readonly locked: number;
	readonly seconds: number;
	/** the next date of what is not locked, 2026-12-24 */
	readonly due?: string;
	readonly late: number;
	/** of required items: in how many readings each is asked and answered */
	readonly requirements: readonly { readonly item: string; readonly asked: number; readonly done: number }[];
}

export const pool = () => get<Pool>('/api/pool');
export const progress = () => get<Progress[]>('/api/progress');
