import { expect, test } from 'vitest';
import type { Image, Item } from '../../api/types';
import { abbreviation, marksOf, neighbour } from './marks';

const image: Pick<Image, 'number' | 'marks'> = { number: 1, marks: [{ frame: 0, name: 'ED' }] };
const places = Array.from({ length: 30 }, (_, frame) => ({ image, frame }));
const item = (name: string, label: string, kind: Item['kind']): Item => ({ name, label, kind, scope: 'image', required: false, confidence: false });
const items = [item('es', 'End of systole', 'frame'), item('ef', 'Ejection fraction', 'ejection'), item('wall', 'Wall', 'mask'), item('d', 'Diameter', 'measurement')];

test('the header’s marks, answered frames and what was drawn', () => {
	const shape = { image: 1, frame: 0, kind: 'trace' as const, points: [] };
	const m = marksOf(places, items, [
		{ item: 'es', image: 1, number: 12 },
		{ item: 'ef', shapes: [{ ...shape, role: 'a4c_ed' }, { ...shape, frame: 12, role: 'a4c_es' }, { ...shape, image: 2, role: 'a2c_es' }] },
		{ item: 'wall', image: 1, frame: 3, mask: { rows: 1, columns: 1, runs: [0, 1] } },
		{ item: 'd', image: 1, shapes: [{ ...shape, kind: 'length', frame: 20 }] },
		{ item: 'gone', image: 1, number: 5 },
	]);
	expect(m.map((x) => [x.frame, x.short, x.from])).toEqual([[0, 'ED', 'header'], [0, 'ED', 'answer'], [3, '', 'drawn'], [12, 'ES', 'answer'], [20, '', 'drawn']]);
	expect(neighbour(m, 3, 1)).toBe(12);
	expect(neighbour(m, 3, -1)).toBe(0);
	expect(neighbour(m, 20, 1)).toBeUndefined();
});

test('of a stack whose slices are images the display’s frame counts', () => {
	const stack = [3, 2, 1].map((number) => ({ image: { number }, frame: 0 }));
	expect(marksOf(stack, items, [{ item: 'wall', image: 2, mask: { rows: 1, columns: 1, runs: [0, 1] } }]).map((m) => m.frame)).toEqual([1]);
});

test('abbreviations', () => {
	expect(abbreviation('Frame at end of diastole')).toBe('ED');
	expect(abbreviation('Best frame')).toBe('BF');
	expect(abbreviation('Mitral opening (MVO)')).toBe('MVO');
});
