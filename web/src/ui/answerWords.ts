import type { Answer } from '../api/types';

/** An answer in few words, for comparing two of them. Numbers are the server's, to three figures; of what it has not seen yet, what was drawn. */
export function answerWords(a: Answer | undefined): string {
	if (!a) return 'no answer';
	if (a.cannot_assess) return `cannot assess: ${a.cannot_assess}`;
	if (a.value !== undefined) return `${short(a.value)}${a.unit && a.unit !== '1' ? ' ' + a.unit : ''}`;
	if (a.choice?.length) return a.choice.join(', ');
	if (a.number !== undefined) return short(a.number);
	if (a.text) return a.text;
	if (a.mask) return count(a.mask.runs.reduce((n, run, i) => (i % 2 ? n + run : n), 0), 'pixel', 'a mask of ');
	return count(a.shapes?.length ?? 0, 'shape');
}

function short(v: number): string {
	return String(Number(v.toPrecision(3)));
}

function count(n: number, what: string, before = ''): string {
	return `${before}${n} ${what}${n === 1 ? '' : 's'}`;
}
