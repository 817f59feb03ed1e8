import { expect, test } from 'vitest';
import type { Answer, Item, Protocol } from '../../api/types';
import { askedOf, missing, progress } from './asked';

const item = (name: string, more: Partial<Item> = {}): Item => ({ name, label: name, kind: 'choice', scope: 'exam', required: true, confidence: false, ...more });
const images = [{ number: 1, series: 1 }, { number: 2, series: 2 }];

test('labels of images are needed for every image, the rest once', () => {
	const items = [item('view', { scope: 'image' }), item('size', { kind: 'measurement', scope: 'image' }), item('note', { kind: 'text', required: false }), item('grade', { kind: 'ordinal' })];
	expect(missing(items, [], images)).toEqual([{ item: items[0], image: 1 }, { item: items[0], image: 2 }, { item: items[1] }, { item: items[3] }]);
	const answers: Answer[] = [{ item: 'view', image: 2, choice: ['a4c'] }, { item: 'size', image: 1, shapes: [] }, { item: 'grade', cannot_assess: 'poor picture' }];
	expect(missing(items, answers, images)).toEqual([{ item: items[0], image: 1 }]);
	expect(missing([], [], images)).toEqual([]);
});

test('labels of series are needed once a series', () => {
	const items = [item('view', { scope: 'series' }), item('weight', { scope: 'series', kind: 'number' })];
	const three = [{ number: 1, series: 1 }, { number: 2, series: 1 }, { number: 3, series: 3 }];
	expect(missing(items, [{ item: 'view', image: 1, choice: ['a'] }], three)).toEqual([{ item: items[0], image: 3 }, { item: items[1] }]);
});

test('an assignment can ask for some items only', () => {
	const p: Protocol = { revision: 1, title: '', design: 'panel', items: [item('a'), item('b')] };
	expect(askedOf(p).length).toBe(2);
	expect(askedOf(p, []).length).toBe(2);
	expect(askedOf(p, ['b']).map((i) => i.name)).toEqual(['b']);
});

test('progress counts items, not answers', () => {
	const items = [item('a'), item('b')];
	expect(progress(items, [{ item: 'a', image: 1 }, { item: 'a', image: 2 }, { item: 'old' }])).toEqual({ done: 1, of: 2 });
});
