import { expect, test } from 'vitest';
import { numberOf, rangeWords } from './typed';

test('numbers as people type them', () => {
	expect(numberOf('4.2', {})).toEqual({ value: 4.2 });
	expect(numberOf(' 4,2 ', {})).toEqual({ value: 4.2 });
	expect(numberOf('+3', {})).toEqual({ value: 3 });
	expect(numberOf('-0.5', {})).toEqual({ value: -0.5 });
	expect(numberOf('', {})).toEqual({});
	expect(numberOf('4.2 mm', {}).wrong).toBeTruthy();
	expect(numberOf('0x10', {}).wrong).toBeTruthy();
	expect(numberOf('1e999', {}).wrong).toBeTruthy();
	expect(numberOf('90', { min: 20, max: 80, unit: 'mm' })).toEqual({ wrong: '20 to 80 mm' });
});

test('ranges in words', () => {
	expect(rangeWords({ min: 0 })).toBe('0 or more');
	expect(rangeWords({ max: 100, unit: '%' })).toBe('100 % or less');
	expect(rangeWords({ min: 0, max: 5, unit: '1' })).toBe('0 to 5');
	expect(rangeWords({})).toBe('');
});
