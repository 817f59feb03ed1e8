import { expect, test } from 'vitest';
import { Cell } from '../../api/observable';
import type { Stream } from '../../api/stream';
import type { Drawing, Lease, LiveDrawing, Person } from '../../api/team';
import type { Image } from '../../api/types';
import { area, decode } from '../../core/masks/bits';
import { strokeMask, Team } from './team.svelte';

const image = { number: 1, rows: 40, columns: 50, frames: 4, aspect: 1 } as Image;

function make(others: readonly Person[] = [{ who: 'bob' }]) {
	const told: Drawing[] = [];
	const presence = new Cell<readonly Person[]>(others), leases = new Cell<readonly Lease[]>([]), live = new Cell<readonly LiveDrawing[]>([]);
	const stream = { presence, leases, live, draw: (d: Drawing) => void told.push(d), lease: (place: Lease) => Promise.resolve({ place, release() {}, onLost() {} }) };
	const team = new Team(stream as unknown as Stream, 'ann', () => 'r', (n) => (n === 1 ? image : undefined));
	return { team, told, presence, leases, live };
}
const at = { image: 1, frame: 2, item: 'lv' };

test('a brush is told from press to lift, to nobody where nobody is', () => {
	const m = make();
	expect(m.team.press('brush', at, [10, 10], 3)).toBe(true);
	expect(m.told).toEqual([]); // a press that goes nowhere is no stroke yet
	m.team.move([12, 10]);
	m.team.move([14, 10]);
	expect(m.told.at(-1)).toEqual({ reading: 'r', image: 1, frame: 2, item: 'lv', stroke: { radius: 3, erase: false, points: [[10, 10], [12, 10], [14, 10]] } });
	m.team.lift();
	expect(m.told.at(-1)).toEqual({ reading: 'r', image: 1, frame: 2, item: 'lv', done: true });
	const n = m.told.length;
	m.team.move([20, 20]);
	m.team.lift();
	expect(m.told.length).toBe(n);
	const alone = make([]);
	alone.team.press('brush', at, [10, 10], 3);
	alone.team.move([12, 10]);
	alone.team.lift();
	alone.team.draw(at, { kind: 'length', image: 1, frame: 2, points: [[0, 0], [1, 1]] });
	expect(alone.told).toEqual([]);
});

test('a shape is told while it is drawn, and that it is done', () => {
	const m = make();
	m.team.draw(at, undefined);
	expect(m.told).toEqual([]);
	m.team.draw(at, { kind: 'length', image: 1, frame: 2, points: [[0, 0], [1, 1]] });
	m.team.draw(at, undefined);
	expect(m.told.map((d) => !!d.done)).toEqual([false, true]);
});

test('what others draw in this reading is shown, in its image and frame', () => {
	const m = make();
	const by = { who: 'bob', reading: 'r', image: 1, frame: 3, item: 'lv' };
	m.live.set([
		{ ...by, shape: { kind: 'length', image: 1, frame: 0, points: [[0, 0], [5, 5]] } },
		{ ...by, stroke: { radius: 2, points: [[10, 10], [20, 10]] } },
		{ ...by, reading: 'other', stroke: { radius: 2, points: [[10, 10]] } },
	]);
	expect(m.team.shapes.map((s) => [s.layer, s.label, s.shape.frame])).toEqual([['live', 'bob', 3]]);
	expect(m.team.masks.map((s) => [s.layer, s.image, s.frame])).toEqual([['live', 1, 3]]);
	m.team.close();
	m.live.set([]);
	expect(m.team.shapes.length).toBe(1); // it listens no more
});

test('a stroke covers what its brush went over', () => {
	const of = (points: readonly (readonly [number, number])[], radius = 2) => strokeMask({ who: 'bob', reading: 'r', image: 1, frame: 0, stroke: { radius, points } }, image);
	const m = decode(of([[10, 10], [20, 10]])!.mask);
	// Pixels whose middles are within 2 of the segment from (10,10) to (20,10): two rows on each side of y = 10, by hand 10 or more wide, and round ends.
	expect(area(m)).toBeGreaterThanOrEqual(4 * 10);
	expect(area(m)).toBeLessThanOrEqual(4 * 14);
	expect(of([])).toBeUndefined();
	expect(of([[1, 1]], Number.NaN)).toBeUndefined();
	expect(strokeMask({ who: 'bob', reading: 'r', image: 2, frame: 0, stroke: { radius: 1, points: [[1, 1]] } }, undefined)).toBeUndefined();
});

test('where somebody else paints nothing is pressed, and other tools are free', () => {
	const m = make();
	m.leases.set([{ reading: 'r', ...at, holder: 'bob', ms: 1000 }]);
	expect(m.team.press('brush', at, [1, 1], 2)).toBe(false);
	expect(m.team.press('length', at, [1, 1], 2)).toBe(true);
	expect(m.team.press('brush', { ...at, frame: 3 }, [1, 1], 2)).toBe(true);
	m.team.close();
});
