import { expect, test } from 'vitest';
import type { Item } from '../../api/types';
import { answerWords, label, optionsOf, sourceWords, valueWords, whereWords } from './words';

const item = (kind: Item['kind'], more: Partial<Item> = {}): Item => ({ name: 'x', label: 'X', kind, scope: 'exam', required: false, confidence: false, ...more });

test('numbers with their units', () => {
	expect(valueWords(12.345, 'mm')).toBe('12.3 mm');
	expect(valueWords(54, '%')).toBe('54.0 %');
	expect(valueWords(1234.5, 'mm2')).toBe('1235 mm²');
	expect(valueWords(12.34, 'mm2')).toBe('12.3 mm²');
	expect(valueWords(33.4, 'ms')).toBe('33 ms');
	expect(valueWords(88.04, 'deg')).toBe('88.0°');
	expect(valueWords(10, '{pixels}')).toBe('10.0 pixels');
	expect(valueWords(3, '1')).toBe('3');
});

test('where a scale comes from', () => {
	expect(sourceWords({ values: [] })).toBe('Not calibrated: in pixels');
	expect(sourceWords({ values: [], source: 'SequenceOfUltrasoundRegions', region: 2, x: 0.3, y: 0.3, unit_x: 'mm', unit_y: 'mm' })).toBe('Scale of ultrasound region 2, 0.3 mm a pixel');
	expect(sourceWords({ values: [], source: 'SequenceOfUltrasoundRegions', region: 1, x: 0.3, y: 0.25, unit_x: 'mm', unit_y: 'mm' })).toBe('Scale of ultrasound region 1, 0.3 × 0.25 mm a pixel');
	expect(sourceWords({ values: [], source: 'PixelSpacing' })).toContain('Pixel Spacing');
});

test('the value that counts is the named one', () => {
	const r = { values: [{ name: 'width', number: 1, unit: 'mm' }, { name: 'area', number: 2, unit: 'mm2' }] };
	expect(label(r, 'area')).toBe('2.0 mm²');
	expect(label(r)).toBe('1.0 mm');
	expect(label({ values: [] })).toBe('');
});

test('answers in a line', () => {
	expect(answerWords(item('choice'), { item: 'x', choice: ['mild'] })).toBe('mild');
	expect(answerWords(item('preference'), { item: 'x', choice: ['neither'] })).toBe('Neither will do');
	expect(answerWords(item('frame'), { item: 'x', number: 4, value: 4, unit: '1' })).toBe('Frame 5');
	expect(answerWords(item('number', { unit: 'mm' }), { item: 'x', number: 4.25 })).toBe('4.3 mm');
	expect(answerWords(item('text'), { item: 'x', text: 'hello' })).toBe('hello');
	expect(answerWords(item('mask'), { item: 'x', mask: { rows: 1, columns: 1, runs: [0, 1] }, value: 120, unit: 'mm2' })).toBe('Mask, 120 mm²');
	expect(answerWords(item('ejection'), { item: 'x', shapes: [] })).toBe('0 of 4 traces');
	expect(answerWords(item('choice'), { item: 'x', cannot_assess: 'poor picture' })).toBe('Cannot assess: poor picture');
});

test('where an answer lies', () => {
	expect(whereWords({ item: 'x' })).toBe('');
	expect(whereWords({ item: 'x', image: 2 })).toBe('image 2');
	expect(whereWords({ item: 'x', image: 2, frame: 3, to: 9 })).toBe('image 2, frames 4–10');
	expect(whereWords({ item: 'x', image: 1, shapes: [{ image: 1, kind: 'length', frame: 6, points: [] }] })).toBe('image 1, frame 7');
	expect(whereWords({ item: 'x', image: 1, mask: { rows: 1, columns: 1, runs: [1] } })).toBe('image 1, frame 1');
});

test('options of a preference are the protocol’s four', () => {
	expect(optionsOf(item('preference')).map((o) => o.name)).toEqual(['a', 'b', 'equal', 'neither']);
	expect(optionsOf(item('origin'), 'preference').map((o) => o.name)).toEqual(['a', 'b', 'unknown']);
	expect(optionsOf(item('origin'), 'aided').map((o) => o.name)).toEqual(['ai', 'human', 'unknown']);
	expect(optionsOf(item('choice', { options: [{ name: 'mild', code: { scheme: 'SCT', value: '255604002', meaning: 'Mild' } }] }))[0]?.meaning).toBe('Mild (SCT 255604002)');
});
