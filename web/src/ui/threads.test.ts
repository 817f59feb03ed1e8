import { expect, it } from 'vitest';
import type { Comment } from '../api/team';
import { answerWords } from './answerWords';
import { placeWords, threads } from './threads';

const c = (id: string, reply?: string): Comment => ({ id, at: '', author: 'ann', text: id, ...(reply ? { reply } : {}) });

it('threads comments by what they answer', () => {
	const shape = (all: Comment[]) => threads(all).map((t) => [t.first.id, ...t.replies.map((r) => r.id)]);
	expect(shape([])).toEqual([]);
	expect(shape([c('a'), c('b', 'a'), c('d'), c('e', 'b'), c('f', 'a')])).toEqual([['a', 'b', 'e', 'f'], ['d']]);
	expect(shape([c('a', 'gone')])).toEqual([['a']]);
	expect(shape([c('a', 'a')])).toEqual([['a']]);
});

it('says where, counted from one', () => {
	expect(placeWords(2, 12)).toBe('image 2, frame 13');
	expect(placeWords(1, undefined)).toBe('image 1, frame 1');
	expect(placeWords(0, 5)).toBe('');
});

it('says an answer in few words', () => {
	const words = (more: object) => answerWords({ item: 'x', ...more });
	expect(words({ choice: ['mild', 'old'] })).toBe('mild, old');
	expect(words({ cannot_assess: 'poor picture', choice: ['mild'] })).toBe('cannot assess: poor picture');
	expect(words({ shapes: [{}], value: 12.3456, unit: 'mm' })).toBe('12.3 mm');
	expect(words({ number: 0 })).toBe('0');
	expect(words({ number: 35, unit: 'mm[Hg]', value: 35 })).toBe('35 mm[Hg]');
	expect(words({ text: 'odd' })).toBe('odd');
	expect(words({ mask: { rows: 1, columns: 2, runs: [1, 1] } })).toBe('a mask of 1 pixel');
	expect(words({ mask: { rows: 1, columns: 4, runs: [1, 1, 0, 2] } })).toBe('a mask of 3 pixels');
	expect(words({ shapes: [{}, {}] })).toBe('2 shapes');
	expect(answerWords(undefined)).toBe('no answer');
});
