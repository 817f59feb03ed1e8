import { expect, test } from 'vitest';
import type { Item } from '../../api/types';
import { chosen } from './choose';

const item = (kind: Item['kind']): Item => ({ name: 'x', label: 'X', kind, scope: 'exam', required: false, confidence: false, options: ['a', 'b', 'c'].map((name) => ({ name })) });

test('one of the options, or several in the protocol’s order', () => {
	expect(chosen(item('choice'), ['a'], 'b')).toEqual(['b']);
	expect(chosen(item('ordinal'), ['b'], 'b')).toEqual(['b']);
	expect(chosen(item('multi'), ['c'], 'a')).toEqual(['a', 'c']);
	expect(chosen(item('multi'), ['a', 'c'], 'a')).toEqual(['c']);
	expect(chosen(item('multi'), ['c'], 'c')).toEqual([]);
});
