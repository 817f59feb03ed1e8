import { beforeEach, expect, test } from 'vitest';
import type { Drawn, Item, Op, Receipt, ReadingView } from '../../api/types';
import { Answers } from './answers';
import { Drawing, empty, layerOf, paired } from './drawing';

const item = (name: string, kind: Item['kind'], scope: Item['scope']): Item => ({ name, label: name, kind, scope, required: false, confidence: true });
const items = [item('size', 'measurement', 'image'), item('ef', 'ejection', 'exam'), item('wall', 'mask', 'image')];
const line = (frame = 0, x = 10): Drawn => ({ kind: 'length', image: 1, frame, points: [[0, 0], [x, 0]] });
const trace = (role: Drawn['role'], frame: number): Drawn => ({ kind: 'trace', image: 1, frame, role, points: [[0, 0], [0, 9], [5, 12], [9, 9], [9, 0]] });

const step = () => new Promise((r) => setTimeout(r));

let ops: Op[], answers: Answers, drawing: Drawing;
beforeEach(() => {
	ops = [];
	const versions = new Map<string, number>();
	const send = async (op: Op): Promise<Receipt> => {
		ops.push(op);
		const version = (versions.get(op.object!) ?? 0) + 1;
		versions.set(op.object!, version);
		return { kind: op.kind, object: op.object!, version, data: op.data };
	};
	answers = new Answers({ reading: 'r', send, again: async () => ({ id: 'r', reader: 'ann', locked: false, answers: [] }) });
	drawing = new Drawing(items, answers);
});

test('a measurement is one answer an image, whichever frame it lies in', async () => {
	expect(drawing.take(1, { type: 'shape', placed: { id: 's1', shape: line(3), item: 'size', layer: 'own' } })).toBe(false);
	await answers.settled();
	expect(answers.list()).toMatchObject([{ item: 'size', image: 1, shapes: [{ frame: 3, image: 1 }] }]);
	expect(answers.list()[0]).not.toHaveProperty('frame');
	// Edited: the same shape. Another one takes its place, and the first is to leave.
	expect(drawing.take(1, { type: 'shape', placed: { id: 's1', shape: line(3, 12), item: 'size', layer: 'own' } })).toBe(false);
	expect(drawing.take(1, { type: 'shape', placed: { id: 's2', shape: line(7), item: 'size', layer: 'own' } })).toBe(true);
	await answers.settled();
	expect(answers.list().length).toBe(1);
	expect(drawing.on(1, []).shapes).toMatchObject([{ id: 's2', layer: 'own', shape: { frame: 7 } }]);
	expect(drawing.on(2, []).shapes).toEqual([]);
});

test('traces of an ejection fraction are one answer, as soon as a view has both times; each can go alone', async () => {
	const p = { item: 'ef', image: 0, frame: 0, to: 0 };
	drawing.take(1, { type: 'shape', placed: { id: 'x', shape: trace('a4c_es', 9), item: 'ef', layer: 'own' } });
	await answers.settled();
	expect(ops).toEqual([]); // the server would refuse it
	expect(drawing.loose(p).map((s) => s.role)).toEqual(['a4c_es']);
	expect(drawing.on(1, []).shapes.map((s) => s.id)).toEqual(['x']);
	drawing.take(1, { type: 'shape', placed: { id: 'y', shape: trace('a4c_ed', 0), item: 'ef', layer: 'own' } });
	await answers.settled();
	expect(answers.list()[0]?.shapes?.map((s) => s.role)).toEqual(['a4c_ed', 'a4c_es']);
	expect(drawing.loose(p)).toEqual([]);
	drawing.take(1, { type: 'removed', id: 'x', item: 'ef' });
	await step();
	await answers.settled();
	expect(answers.list()).toEqual([]);
	expect(ops.at(-1)?.kind).toBe('answer.remove');
	expect(drawing.loose(p).map((s) => s.role)).toEqual(['a4c_ed']);
	expect(drawing.on(1, []).shapes.map((s) => s.id)).toEqual(['y']);
	drawing.take(1, { type: 'removed', id: 'y', item: 'ef' });
	await step();
	expect(drawing.loose(p)).toEqual([]);
	expect(paired([trace('a4c_ed', 0), trace('a2c_es', 0)])).toBe(false);
	expect(paired([trace('a2c_ed', 0), trace('a2c_es', 0), trace('a4c_ed', 0)])).toBe(true);
});

test('confidence stays when a shape is edited', async () => {
	drawing.take(1, { type: 'shape', placed: { id: 's', shape: line(), item: 'size', layer: 'own' } });
	const a = answers.list()[0]!;
	answers.put({ item: 'size', image: 1, frame: 0, to: 0 }, { shapes: a.shapes!, confidence: 70 });
	drawing.take(1, { type: 'shape', placed: { id: 's', shape: line(0, 20), item: 'size', layer: 'own' } });
	await answers.settled();
	expect(answers.list()).toMatchObject([{ confidence: 70, shapes: [{ points: [[0, 0], [20, 0]] }] }]);
});

test('a shape that leaves for another is no removal: the answer and its confidence stay, and so with undo', async () => {
	drawing.take(1, { type: 'shape', placed: { id: 's', shape: line(), item: 'size', layer: 'own' } });
	answers.put({ item: 'size', image: 1, frame: 0, to: 0 }, { shapes: answers.list()[0]!.shapes!, confidence: 70 });
	await answers.settled();
	const n = ops.length;
	drawing.take(1, { type: 'removed', id: 's', item: 'size' });
	expect(drawing.take(1, { type: 'shape', placed: { id: 't', shape: line(5), item: 'size', layer: 'own' } })).toBe(false);
	await step();
	await answers.settled();
	expect(ops.slice(n).map((o) => o.kind)).toEqual(['answer.put']);
	expect(answers.list()).toMatchObject([{ confidence: 70, shapes: [{ frame: 5 }] }]);
	drawing.take(1, { type: 'removed', id: 't', item: 'size' });
	drawing.take(1, { type: 'shape', placed: { id: 's', shape: line(), item: 'size', layer: 'own' } });
	await step();
	expect(answers.list()).toMatchObject([{ confidence: 70, shapes: [{ frame: 0 }] }]);
	drawing.take(1, { type: 'removed', id: 's', item: 'size' });
	await step();
	await answers.settled();
	expect(answers.list()).toEqual([]);
});

test('masks lie in frames; an emptied one is no answer', async () => {
	const mask = { rows: 2, columns: 2, runs: [1, 2, 1] };
	drawing.take(1, { type: 'mask', mask: { item: 'wall', image: 1, frame: 4, layer: 'own', mask } });
	await answers.settled();
	expect(answers.list()).toMatchObject([{ item: 'wall', image: 1, frame: 4, mask }]);
	drawing.take(1, { type: 'mask', mask: { item: 'wall', image: 1, frame: 4, layer: 'own', mask: { ...mask, runs: [4] } } });
	await answers.settled();
	expect(answers.list()).toEqual([]);
	expect(empty({ rows: 1, columns: 2, runs: [0, 1, 1] })).toBe(false);
});

test('what was saved before has the same id at each look, and what is beside a layer of its own', () => {
	answers.load([{ id: 'i', version: 1, item: 'size', image: 1, shapes: [line()] }]);
	const ai: ReadingView = { id: 'q', reader: 'R7', locked: true, answers: [{ item: 'size', image: 1, shapes: [line(0, 11)] }, { item: 'wall', image: 1, frame: 2, mask: { rows: 1, columns: 1, runs: [0, 1] } }] };
	const one = drawing.on(1, [ai]);
	expect(one.shapes.map((s) => s.layer)).toEqual(['own', 'ai']);
	expect(one.masks).toMatchObject([{ layer: 'ai', frame: 2 }]);
	expect(new Set(one.shapes.map((s) => s.id)).size).toBe(2);
	expect(drawing.on(1, [ai])).toEqual(one);
	// Editing it keeps the answer.
	expect(drawing.take(1, { type: 'shape', placed: { ...one.shapes[0]!, shape: line(0, 30) } })).toBe(false);
	expect(layerOf({ ...ai, reader: 'B' })).toBe('b');
});

test('a shape for an item that is not asked is nobody’s answer', () => {
	expect(drawing.take(1, { type: 'shape', placed: { id: 's', shape: line(), item: 'other', layer: 'own' } })).toBe(false);
	drawing.take(1, { type: 'mask', mask: { item: 'other', image: 1, frame: 0, layer: 'own', mask: { rows: 1, columns: 1, runs: [0, 1] } } });
	expect(answers.list()).toEqual([]);
});
