import { expect, test } from 'vitest';
import type { Drawn, Item } from '../../api/types';
import type { Placed } from '../contract';
import { image } from '../testing/hand';
import { frameFor, next, steps } from './guide';

const item = (name: string, kind: Item['kind'], more: Partial<Item> = {}): Item => ({ name, label: name, kind, scope: 'image', required: true, confidence: false, ...more });
const drawn = (name: string, role?: Drawn['role']): Placed => ({ id: name + (role ?? ''), item: name, layer: 'own', shape: { kind: 'trace', frame: 0, image: 1, points: [], ...(role ? { role } : {}) } });

test('diameters come in the protocol’s order, each in words', () => {
	const items = [item('view', 'choice'), item('ivsd', 'measurement', { shape: 'length' }), item('lvidd', 'measurement', { shape: 'length' }), item('LVIDs', 'measurement', { shape: 'length', scope: 'frame' })];
	const all = steps(items, []);
	expect(all.map((s) => [s.item, s.tool, s.phase, s.target.one])).toEqual([['ivsd', 'length', 'ED', 'image'], ['lvidd', 'length', 'ED', 'image'], ['LVIDs', 'length', 'ES', 'frame']]);
	expect(all[1]!.words).toContain('inner edge');
	expect(next(all)!.item).toBe('ivsd');
	expect(next(steps(items, [drawn('ivsd'), { ...drawn('lvidd'), layer: 'a' }]))!.item).toBe('lvidd');
	expect(next(steps(items, ['ivsd', 'lvidd', 'LVIDs'].map((n) => drawn(n))))).toBeUndefined();
});

test('four traces one by one; a view that is complete is enough, one that is begun is to be finished', () => {
	const items = [item('lvef', 'ejection', { scope: 'exam' }), item('tapse', 'measurement', { shape: 'caliper' })];
	const at = (...done: NonNullable<Drawn['role']>[]): string | undefined => {
		const s = next(steps(items, done.map((r) => drawn('lvef', r))));
		return s?.target.role ?? s?.item;
	};
	expect([at(), at('a4c_ed'), at('a4c_ed', 'a4c_es'), at('a4c_ed', 'a4c_es', 'a2c_es'), at('a2c_ed', 'a2c_es')]).toEqual(['a4c_ed', 'a4c_es', 'tapse', 'a2c_ed', 'tapse']);
	const rest = steps(items, [drawn('lvef', 'a4c_ed'), drawn('lvef', 'a4c_es'), drawn('tapse')]);
	expect(next(rest)!.target.role).toBe('a2c_ed');
	expect(next(rest, true)).toBeUndefined();
});

test('the frame is the image’s mark', () => {
	const [ed] = steps([item('lvef', 'ejection')], []);
	expect(frameFor({ ...image(), marks: [{ frame: 7, name: 'ES' }, { frame: 3, name: 'ED' }] }, ed!)).toBe(3);
	expect(frameFor(image(), ed!)).toBeUndefined();
});
