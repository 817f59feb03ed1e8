/** How layers are told apart: by colour, by line, and by a letter, so that none of them is needed to see the others. */
import type { Layer } from '../contract';

export interface LayerLook {
	/** as tokens.css has it */
	readonly colour: `#${string}`;
	/** CSS pixels of line and gap; empty: solid */
	readonly dash: string;
	/** in front of labels; own ones have none */
	readonly letter: string;
	/** for lists that are read out */
	readonly name: string;
}

export const looks: Readonly<Record<Layer, LayerLook>> = {
	own: { colour: '#ffd43b', dash: '', letter: '', name: 'yours' },
	a: { colour: '#63e6be', dash: '10 4', letter: 'A', name: 'reader A' },
	b: { colour: '#f783ac', dash: '3 3', letter: 'B', name: 'reader B' },
	c: { colour: '#91a7ff', dash: '12 4 2 4', letter: 'C', name: 'reader C' },
	ai: { colour: '#ffa94d', dash: '8 3 2 3 2 3', letter: 'AI', name: 'the model' },
	live: { colour: '#ced4da', dash: '1 4', letter: '…', name: 'being drawn by somebody' },
};

/** A colour as canvas pixels have it (least byte first: red, green, blue, alpha), 0 to 255. */
export function rgba(colour: string, alpha: number): number {
	const n = parseInt(colour.slice(1), 16);
	return ((alpha << 24) | ((n & 255) << 16) | (n & 0xff00) | (n >>> 16)) >>> 0;
}
