import type { Answer, Image, Item } from '../../api/types';

/** A frame of an image, at its place in the display. */
type Shown = { readonly image: Pick<Image, 'number' | 'marks'>; readonly frame: number };

/** A frame that has something. */
export interface Mark {
	/** from 0 */
	readonly frame: number;
	/** few letters: "ED" */
	readonly short: string;
	readonly words: string;
	readonly from: 'header' | 'answer' | 'drawn';
}

/** Marks of what is shown: the header's, frames that were answered, and where something was drawn; each once. Frames are those of the display. */
export function marksOf(places: readonly Shown[], items: readonly Item[], answers: readonly Answer[]): Mark[] {
	const out: Mark[] = [];
	const add = (image: number | undefined, of: number, m: Omit<Mark, 'frame'>) => {
		const frame = places.findIndex((p) => p.frame === of && (image === undefined || p.image.number === image));
		if (frame >= 0 && !out.some((o) => o.frame === frame && o.short === m.short && o.from === m.from)) out.push({ frame, ...m });
	};
	for (const { image, frame } of places) for (const m of image.marks ?? []) if (m.frame === frame) add(image.number, frame, { short: m.name, words: `${m.name} by the header`, from: 'header' });
	for (const a of answers) {
		const it = items.find((i) => i.name === a.item);
		if (!it) continue;
		if (it.kind === 'frame' && a.number !== undefined) add(a.image, a.number, { short: abbreviation(it.label), words: `${it.label}: your answer`, from: 'answer' });
		for (const s of a.shapes ?? []) {
			const time = s.role?.endsWith('ed') ? 'ED' : s.role?.endsWith('es') ? 'ES' : '';
			add(s.image, s.frame, { short: time, words: `${it.label}: ${time || 'drawn here'}`, from: time ? 'answer' : 'drawn' });
		}
		if (a.mask) add(a.image, a.frame ?? 0, { short: '', words: `${it.label}: mask`, from: 'drawn' });
	}
	return out.sort((a, b) => a.frame - b.frame);
}

/** "End of diastole" is "ED" where the words say so, else the first letters. */
export function abbreviation(label: string): string {
	if (/diastol/i.test(label)) return 'ED';
	if (/systol/i.test(label)) return 'ES';
	const inBrackets = /\((\p{Lu}{2,4})\)/u.exec(label)?.[1];
	return inBrackets ?? label.split(/\s+/).map((w) => w[0] ?? '').join('').slice(0, 3).toUpperCase();
}

/** The marked frame before or after one; undefined: there is none. */
export function neighbour(marks: readonly Mark[], frame: number, by: 1 | -1): number | undefined {
	const frames = marks.map((m) => m.frame).filter((f) => (by > 0 ? f > frame : f < frame));
	return frames.length ? (by > 0 ? Math.min(...frames) : Math.max(...frames)) : undefined;
}
