import type { Answer, Image, Item, Protocol } from '../../api/types';

/** The protocol's items that an assignment asks for: those it names, else all. */
export const askedOf = (p: Protocol, only?: readonly string[]): readonly Item[] =>
	only?.length ? p.items.filter((it) => only.includes(it.name)) : p.items;

/** Kinds that are labels: of images they are needed for every image. */
export const isLabel = (it: Item): boolean => it.kind === 'choice' || it.kind === 'multi' || it.kind === 'ordinal';

/** Something that has to be answered before a reading can be locked. */
export interface Missing {
	readonly item: Item;
	/** from 1: the image that lacks it; undefined: wherever */
	readonly image?: number;
}

/**
 * What the server will ask for at the lock (annotate, decision.missing): required items without an answer; measurements, masks and frames
 * have to be there once, labels of images for every image, of series for every series.
 */
export function missing(items: readonly Item[], answers: readonly Answer[], images: readonly Pick<Image, 'number' | 'series'>[]): Missing[] {
	return items
		.filter((it) => it.required)
		.flatMap((item): Missing[] => {
			const there = new Set(answers.filter((a) => a.item === item.name).map((a) => a.image ?? 0));
			if (item.scope === 'image' && isLabel(item)) return images.filter((im) => !there.has(im.number)).map((im) => ({ item, image: im.number }));
			if (item.scope === 'series' && isLabel(item)) return [...new Set(images.map((im) => im.series))].filter((n) => !there.has(n)).map((image) => ({ item, image }));
			return there.size ? [] : [{ item }];
		});
}

/** How many items have an answer, of how many. */
export function progress(items: readonly Item[], answers: readonly Answer[]): { readonly done: number; readonly of: number } {
	const there = new Set(answers.map((a) => a.item));
	return { done: items.filter((it) => there.has(it.name)).length, of: items.length };
}
