import type { Answer, Item } from '../../api/types';

/** What an answer is about; a reading has one answer to each (annotate, Answer.at). Images from 1, 0: the exam; frames from 0. */
export interface Place {
	readonly item: string;
	readonly image: number;
	readonly frame: number;
	readonly to: number;
}

/** Where one looks. */
export interface Look {
	readonly image: number;
	/** number of the first image of its series; absent: its own */
	readonly series?: number;
	readonly frame: number;
	/** last frame of the interval that is marked */
	readonly to?: number;
}

/** The place of an item's answer where one looks. Masks of an image lie in its frames; other things asked of it do not. */
export function placeOf(item: Item, at: Look): Place {
	const p = { item: item.name, image: 0, frame: 0, to: 0 };
	if (item.scope === 'exam') return p;
	if (item.scope === 'series') return { ...p, image: at.series ?? at.image };
	if (item.scope === 'interval') return { ...p, image: at.image, frame: at.frame, to: Math.max(at.to ?? at.frame, at.frame) };
	const framed = item.scope === 'frame' || item.kind === 'mask';
	return { ...p, image: at.image, frame: framed ? at.frame : 0 };
}

export const placeOfAnswer = (a: Answer): Place => ({ item: a.item, image: a.image ?? 0, frame: a.frame ?? 0, to: a.to ?? 0 });

export const keyOf = (p: Place): string => `${p.item}/${p.image}/${p.frame}/${p.to}`;

/** An answer at a place: fields of the place that are 0 are left out, as the server does. */
export const answerAt = (p: Place, what: Partial<Answer>): Answer => ({
	item: p.item,
	...(p.image ? { image: p.image } : {}),
	...(p.frame ? { frame: p.frame } : {}),
	...(p.to ? { to: p.to } : {}),
	...what,
});
