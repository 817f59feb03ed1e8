import { expect, test } from 'vitest';
import type { Answer, Drawn, Item, ReadingView } from '../../api/types';
import { shapeId } from './drawing';
import { wordings } from './labels';

const item = (name: string, kind: Item['kind'], value?: string): Item => ({ name, label: name, kind, scope: 'image', required: false, confidence: false, ...(value ? { value } : {}) });
const items = [item('area', 'measurement', 'area'), item('ef', 'ejection')];
const shape = (role?: Drawn['role']): Drawn => ({ kind: role ? 'trace' : 'ellipse', image: 2, frame: 0, points: [], ...(role ? { role } : {}) });
const kept = (answer: Answer) => ({ place: { item: answer.item, image: answer.image ?? 0, frame: 0, to: 0 }, answer, keeping: 'saved' as const });

test('a measurement has the value that counts, a trace its volume', () => {
	const area: Answer = { item: 'area', image: 2, shapes: [shape()], results: [{ values: [{ name: 'major axis', number: 9, unit: 'mm' }, { name: 'area', number: 20, unit: 'mm2' }] }] };
	const ef: Answer = {
		item: 'ef', shapes: [shape('a4c_ed'), shape('a4c_es'), shape('a2c_ed')],
		results: [{ values: [{ name: 'EDV (discs, A4C)', number: 100, unit: 'mL' }, { name: 'ESV (discs, A4C)', number: 45.04, unit: 'mL' }] }],
	};
	expect(wordings(items, [kept(area), kept(ef)], [], shapeId)).toEqual([
		{ image: 2, id: 'area/2/0/0', text: '20.0 mm²' },
		{ image: 2, id: 'ef/0/0/0/a4c_ed', text: 'EDV 100.0 mL' },
		{ image: 2, id: 'ef/0/0/0/a4c_es', text: 'ESV 45.0 mL' },
	]);
});

test('what is beside has ids of its own; what is not measured yet has no words', () => {
	const a: Answer = { item: 'area', image: 2, shapes: [shape()], results: [{ values: [{ name: 'area', number: 1, unit: 'mm2' }] }] };
	const ai: ReadingView = { id: 'q', reader: 'R1', locked: true, answers: [a] };
	const out = wordings(items, [kept({ ...a, results: [] })], [ai], shapeId);
	expect(out).toEqual([{ image: 2, id: 'q/area/2/0/0', text: '1.0 mm²' }]);
});
