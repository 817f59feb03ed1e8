import type { Answer, Image, Item } from '../../api/types';

/** A frame that has something. */
export interface Mark {
	/** from 0 */
	readonly frame: number;
	/** few letters: "ED" */
	readonly short: string;
	readonly words: string;
	readonly from: 'header' | 'answer' | 'drawn';
}

/** Marks of an image: the header's, frames that were answered, and where something was drawn; each once. */
export function marksOf(image: Image, items: readonly Item[], answers: readonly Answer[]): Mark[] {
	const out: Mark[] = (image.marks ?? []).map((m) => ({ frame: m.frame, short: m.name, words: `${m.name} by the header`, from: 'header' }));
	const add = (m: Mark) => {
		if (!out.some((o) => o.frame === m.frame && o.short === m.short && o.from === m.from)) out.push(m);
	};
	for (const a of answers) {
		const it = items.find((i) => i.name === a.item);
		if (!it) continue;
		if (it.kind === 'frame' && a.number !== undefined && (a.image ?? 1) === image.number) add({ frame: a.number, short: abbreviation(it.label), words: `${it.label}: your answer`, from: 'answer' });
		for (const s of a.shapes ?? []) {
			if (s.image !== image.number) continue;
			const time = s.role?.endsWith('ed') ? 'ED' : s.role?.endsWith('es') ? 'ES' : '';
			add({ frame: s.frame, short: time, words: `${it.label}: ${time || 'drawn here'}`, from: time ? 'answer' : 'drawn' });
		}
		if (a.mask && a.image === image.number) add({ frame: a.frame ?? 0, short: '', words: `${it.label}: mask`, from: 'drawn' });
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
