import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

/** Variables of the first block in a part of the file. */
function variables(part: string): Record<string, string> {
	const block = part.slice(part.indexOf(':root'), part.indexOf('}', part.indexOf(':root')));
	return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1]!, m[2]!]));
}

const dark = variables(css);
const light = { ...dark, ...variables(css.slice(css.indexOf('prefers-color-scheme: light'))) };

/** Relative luminance, 0–1 (WCAG 2.2). */
function luminance(hex: string): number {
	const [r, g, b] = [1, 3, 5].map((i) => {
		const v = parseInt(hex.slice(i, i + 2), 16) / 255;
		return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
	}) as [number, number, number];
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: string, b: string): number {
	const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
	return (hi + 0.05) / (lo + 0.05);
}

const words = [
	...['text', 'quiet', 'accent', 'good', 'warn', 'bad'].flatMap((ink) => ['ground', 'raised'].map((paper) => [ink, paper])),
	['text', 'hover'], ['text', 'chosen'], ['accent', 'hover'], ['accent', 'chosen'], ['quiet', 'hover'], ['quiet', 'chosen'], ['on-accent', 'accent'],
	['on-film', 'film'], ['on-film', 'film-raised'], ['film-quiet', 'film'], ['film-quiet', 'film-raised'],
];
const lines = [
	['edge', 'ground'], ['edge', 'raised'], ['edge', 'hover'], ['edge', 'film'], ['accent', 'ground'], ['accent', 'raised'],
	...['own', 'layer-a', 'layer-b', 'layer-c', 'layer-ai', 'layer-live'].map((l) => [l, 'film']),
];

for (const [theme, v] of [['dark', dark], ['light', light]] as const) {
	test(`${theme}: words have 4.5:1`, () => {
		for (const [ink, paper] of words) expect(contrast(v[ink!]!, v[paper!]!), `${ink} on ${paper}`).toBeGreaterThanOrEqual(4.5);
	});
	test(`${theme}: lines have 3:1`, () => {
		for (const [ink, paper] of lines) expect(contrast(v[ink!]!, v[paper!]!), `${ink} on ${paper}`).toBeGreaterThanOrEqual(3);
	});
}

test('the formula gives the known answers', () => {
	expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 10);
	expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2); // famous for failing by a hair
});
