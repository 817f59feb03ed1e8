import type { Answer, Item, Point, ReadingView, Result, TraceRole } from '../../api/types';
import type { Kept } from './answers';
import { besideId } from './drawing';
import { placeOfAnswer, type Place } from './place';
import { label, valueWords } from './words';

/** What is written beside a shape of an image's board. */
export interface Wording {
	readonly image: number;
	readonly id: string;
	readonly text: string;
	/** size of a pixel, where it is known: a trace's discs are drawn by it */
	readonly pixel?: Point;
}

/** What a pixel is worth where the server measured, in both directions in one unit. */
export const pixelOf = (r: Result): Point | undefined => (r.x && r.y && r.unit_x === r.unit_y ? [r.x, r.y] : undefined);

/** Words for all shapes that the server has numbers of: one's own, and those that are shown beside. */
export function wordings(
	items: readonly Item[], kept: readonly Kept[], beside: readonly ReadingView[], idOf: (p: Place, role?: TraceRole) => string,
): Wording[] {
	const of = (a: Answer, id: (p: Place, role?: TraceRole) => string): Wording[] => {
		const it = items.find((i) => i.name === a.item), r = a.results?.[0];
		if (!it || !r) return [];
		return (a.shapes ?? []).flatMap((s) => {
			const text = it.kind === 'ejection' ? volume(r, s.role) : label(r, it.value);
			const pixel = pixelOf(r);
			return text ? [{ image: s.image, id: id(placeOfAnswer(a), s.role), text, ...(pixel && { pixel }) }] : [];
		});
	};
	return [...kept.flatMap((k) => (k.answer ? of(k.answer, idOf) : [])), ...beside.flatMap((v) => v.answers.flatMap((a) => of(a, (p, role) => besideId(v, p, role))))];
}

/** The volume that a trace gives. */
function volume(r: Result, role: TraceRole | undefined): string | undefined {
	const name = role?.endsWith('ed') ? 'EDV' : 'ESV';
	const v = r.values.find((x) => x.name === `${name} (discs, ${role?.startsWith('a4c') ? 'A4C' : 'A2C'})`);
	return v && `${name} ${valueWords(v.number, v.unit)}`;
}
