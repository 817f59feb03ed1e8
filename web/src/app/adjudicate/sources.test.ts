import { describe, expect, it } from 'vitest';
import type { Answer, Item, ReadingView } from '../../api/types';
import { saidOf, same, sourcesOf, taken } from './sources';

const reading = (reader: string, ...answers: Answer[]): ReadingView => ({ id: reader.repeat(32), reader, locked: true, answers });
const item: Item = { name: 'ef', label: 'EF', kind: 'number', scope: 'exam', unit: '%', required: true, confidence: true };

describe('sources', () => {
	it('are drawn in layers of their own, as far as there are any', () => {
		expect(sourcesOf(['A', 'B', 'C', 'D', 'E'].map((l) => reading(l))).map((s) => [s.letter, s.layer])).toEqual([['A', 'a'], ['B', 'b'], ['C', 'c'], ['D', 'ai'], ['E', 'ai']]);
	});
	it('say what they said of an item, or nothing', () => {
		const said = saidOf(item, sourcesOf([reading('A', { item: 'ef', number: 50 }, { item: 'grade', choice: ['x'] }), reading('B')]));
		expect(said.map((s) => [s.source.letter, s.answers.length])).toEqual([['A', 1], ['B', 0]]);
	});
});

describe('what is taken', () => {
	it('is what was said, not what the server made of it, and not how sure somebody else was', () => {
		const a: Answer = { id: 'x', version: 3, item: 'd', image: 1, shapes: [{ image: 1, frame: 2, kind: 'length', points: [[0, 0], [1, 1]] }], value: 12, unit: 'mm', results: [], confidence: 80 };
		expect(taken(a)).toEqual({ shapes: a.shapes });
		expect(taken({ item: 'ef', number: 0, value: 0 })).toEqual({ number: 0 });
		expect(taken({ item: 'ef', cannot_assess: 'image quality' })).toEqual({ cannot_assess: 'image quality' });
	});
	it('is the same as its source', () => {
		const a: Answer = { id: '1', item: 'ef', number: 50, confidence: 10 };
		expect(same(item, a, { id: '2', item: 'ef', number: 50 })).toBe(true);
		expect(same(item, a, { item: 'ef', number: 51 })).toBe(false);
		expect(same(item, a, { item: 'ef', number: 50, image: 2 })).toBe(false);
		expect(same(item, a, undefined)).toBe(false);
	});
});
