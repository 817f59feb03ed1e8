/** What an adjudicator decides between: readings under letters, and what is taken over from one. Framework-free. */
import type { Answer, Item, ReadingView } from '../../api/types';
import type { Layer } from '../../core/contract';
import { answerWords } from '../reader/words';

export interface Source {
	/** in this case only: "A" */
	readonly letter: string;
	readonly reading: ReadingView;
	/** how it is drawn */
	readonly layer: Layer;
}

/** Layers that masked readers are drawn in; from the fourth on they share one. */
const layers: readonly Layer[] = ['a', 'b', 'c', 'ai'];

export const sourcesOf = (beside: readonly ReadingView[]): readonly Source[] =>
	beside.map((reading, i) => ({ letter: reading.reader, reading, layer: layers[Math.min(i, layers.length - 1)]! }));

/** What an answer becomes as one's own: what the server computes and names is left out. */
export function taken(a: Answer): Partial<Answer> {
	if (a.cannot_assess) return { cannot_assess: a.cannot_assess };
	return {
		...(a.choice ? { choice: a.choice } : {}),
		...(a.number !== undefined ? { number: a.number } : {}),
		...(a.text ? { text: a.text } : {}),
		...(a.shapes ? { shapes: a.shapes } : {}),
		...(a.mask ? { mask: a.mask } : {}),
	};
}

const places = (a: Answer): string => `${a.image ?? 0}/${a.frame ?? 0}/${a.to ?? 0}`;

/** Whether two answers to an item say the same, in words. */
export const same = (it: Item, a: Answer | undefined, b: Answer | undefined): boolean =>
	!!a && !!b && places(a) === places(b) && answerWords(it, a) === answerWords(it, b) && JSON.stringify(a.shapes ?? null) === JSON.stringify(b.shapes ?? null) && JSON.stringify(a.mask ?? null) === JSON.stringify(b.mask ?? null);

/** Of an item, who said what: sources without an answer are named. */
export function saidOf(it: Item, sources: readonly Source[]): readonly { readonly source: Source; readonly answers: readonly Answer[] }[] {
	return sources.map((source) => ({ source, answers: source.reading.answers.filter((a) => a.item === it.name) }));
}
