import type { Item } from '../../api/types';
import { unitWords } from './words';

/** A number as people type it: with a point or a comma. undefined: nothing there; words: what is wrong. */
export function numberOf(text: string, item: Pick<Item, 'min' | 'max' | 'unit'>): { readonly value?: number; readonly wrong?: string } {
	const t = text.trim().replace(',', '.').replace(/^\+/, '');
	if (t === '') return {};
	const value = Number(t);
	if (!/^[-\d.eE]+$/.test(t) || !Number.isFinite(value)) return { wrong: 'This is no number' };
	const { min, max } = item;
	if ((min !== undefined && value < min) || (max !== undefined && value > max)) return { wrong: rangeWords(item) };
	return { value };
}

/** "20 to 80 mm". */
export function rangeWords({ min, max, unit }: Pick<Item, 'min' | 'max' | 'unit'>): string {
	const u = unit ? ` ${unitWords(unit)}`.trimEnd() : '';
	if (min !== undefined && max !== undefined) return `${min} to ${max}${u}`;
	if (min !== undefined) return `${min}${u} or more`;
	return max !== undefined ? `${max}${u} or less` : '';
}
