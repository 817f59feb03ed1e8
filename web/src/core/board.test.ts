import { describe, expect, test } from 'vitest';
import type { Point } from '../api/types';
import type { Change, Placed, PlacedMask, ToolName } from './contract';
import { area, decode, get } from './masks/bits';
import { bitsOf } from './masks/layer';
import { Hand, image, random, type Key } from './testing/hand';
import { counts } from './tools/kinds';

const state = (h: Hand): unknown => ({
	shapes: h.board.scene.shapes.map(({ label: _, ...s }) => s),
	masks: h.board.scene.masks.filter((m) => m.mask.runs.length > 1).map((m) => [m.item, m.frame, m.layer, m.mask.runs]).sort(),
});

/** Somebody who uses everything, at random. */
function play(h: Hand, r: () => number, tools: readonly ToolName[]): void {
	const pick = <T>(a: readonly T[]): T => a[Math.floor(r() * a.length)]!;
	const p = (): Point => [r() * 340 - 20, r() * 240 - 20];
	h.frame = h.board.frame = Math.floor(r() * 3);
	h.board.target = { item: pick(['x', 'y']), ...(r() < 0.2 ? { one: pick(['image', 'frame'] as const) } : {}) };
	h.board.brush = 1 + r() * 15;
	h.use(pick(tools));
	switch (Math.floor(r() * 9)) {
		case 0:
			h.click(p());
			break;
		case 1:
			h.double(p());
			break;
		case 2:
		case 3:
			h.drag(p(), p(), p(), p());
			break;
		case 4:
			h.key(...Array.from({ length: 6 }, () => pick<Key>(['Enter', 'Space', 'ArrowLeft', 'ArrowDown', 'Tab', 'Backspace', 'Escape', 'Delete'])));
			break;
		case 5:
			h.click(p(), p(), p(), p()).key('Enter');
			break;
		case 6: {
			const s = h.board.scene.shapes.filter((o) => o.shape.frame === h.frame);
			if (s.length) h.use('select').click(pick(pick(s).shape.points)).drag(pick(pick(s).shape.points), p(), p());
			break;
		}
		case 7:
			if (r() < 0.5) h.board.copy('x', 0, 2);
			else h.board.interpolate('y', 0, 2);
			break;
		case 8: {
			const s = h.board.scene.shapes.at(-1);
			if (s) h.board.fillShape(s.id, r() < 0.5 ? 'union' : 'subtract');
		}
	}
}

const all: readonly ToolName[] = ['select', 'brush', 'erase', 'fill', 'threshold', ...(Object.keys(counts) as ToolName[])];

describe('history', () => {
	test('whatever was done is undone to nothing and redone to what it was, step by step', () => {
		for (let seed = 1; seed <= 25; seed++) {
			const r = random(seed), h = new Hand(image(), (_, x, y) => (x * 7 + y * 3) % 256), states = [state(h)];
			const seen = (): void => {
				const s = state(h);
				if (JSON.stringify(s) !== JSON.stringify(states.at(-1))) states.push(s);
			};
			h.board.onChange(() => undefined);
			for (let i = 0; i < 30; i++) {
				play(h, r, all);
				h.use('select').key('Escape', 'Escape');
				seen();
			}
			const end = state(h);
			const back: unknown[] = [end];
			while (h.board.canUndo) {
				h.board.undo();
				back.push(state(h));
			}
			expect(back.at(-1)).toEqual(states[0]);
			// What was seen on the way is met again, in reverse.
			let k = back.length - 1;
			for (const s of states) {
				while (k >= 0 && JSON.stringify(back[k]) !== JSON.stringify(s)) k--;
				expect(k, `seed ${seed}`).toBeGreaterThanOrEqual(0);
			}
			const forth: unknown[] = [back.at(-1)];
			while (h.board.canRedo) {
				h.board.redo();
				forth.push(state(h));
			}
			expect(forth.reverse()).toEqual(back);
		}
	});
	test('what the board says of changes is enough to keep a copy', () => {
		for (let seed = 30; seed < 45; seed++) {
			const r = random(seed), h = new Hand(image()), shapes = new Map<string, Placed>(), masks = new Map<string, PlacedMask>();
			h.board.onChange((c: Change) => {
				if (c.type === 'shape') shapes.set(c.placed.id, c.placed);
				else if (c.type === 'removed') expect(shapes.delete(c.id)).toBe(true);
				else masks.set(`${c.mask.item} ${c.mask.frame}`, c.mask);
			});
			for (let i = 0; i < 40; i++) {
				play(h, r, all);
				if (r() < 0.2) h.board.undo();
				if (r() < 0.1) h.board.redo();
			}
			h.use('select');
			expect([...shapes.values()].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([...h.board.scene.shapes].sort((a, b) => (a.id < b.id ? -1 : 1)));
			for (const m of h.board.scene.masks) if (area(bitsOf(m))) expect(masks.get(`${m.item} ${m.frame}`)?.mask).toEqual(m.mask);
		}
	});
	test('every point stays in the picture and every shape is one that the server takes, whatever is done', () => {
		const r = random(99), h = new Hand(image());
		for (let i = 0; i < 600; i++) {
			play(h, r, all);
			if (i % 50 === 0) h.board.put([], []);
		}
		for (const { shape } of h.board.scene.shapes) {
			expect(shape.points.length).toBeGreaterThanOrEqual(counts[shape.kind][0]);
			expect(shape.points.length).toBeLessThanOrEqual(counts[shape.kind][1]);
			for (const [x, y] of shape.points) expect(x >= 0 && x <= 300 && y >= 0 && y <= 200, `${shape.kind} ${x} ${y}`).toBe(true);
		}
	});
	test('something new ends what could be redone', () => {
		const h = new Hand().use('point').click([5, 5], [9, 9]);
		h.board.undo();
		expect(h.board.canRedo).toBe(true);
		h.click([20, 20]);
		expect(h.board.canRedo).toBe(false);
	});
	test('arrows that move a handle are one step', () => {
		const h = new Hand().use('length').click([50, 50], [90, 50]).use('select').key('Tab', 'ArrowUp', 'ArrowUp', 'ArrowLeft');
		expect(h.last).toEqual([[49, 48], [90, 50]]);
		h.board.undo();
		expect(h.last).toEqual([[50, 50], [90, 50]]);
		h.board.redo();
		expect(h.last).toEqual([[49, 48], [90, 50]]);
	});
	test('a half drawn shape is taken back point by point first', () => {
		const h = new Hand().use('point').click([5, 5]).use('polygon').click([10, 10], [50, 10]);
		h.board.undo();
		expect(h.board.scene.draft?.points[0]).toEqual([10, 10]);
		h.board.undo();
		expect(h.board.scene.draft).toBeUndefined();
		h.board.undo();
		expect(h.board.scene.shapes).toHaveLength(0);
	});
});

describe('what the server has', () => {
	const other: Placed = { id: 'o', item: 'x', layer: 'ai', shape: { kind: 'point', frame: 0, image: 1, points: [[3, 3]] } };
	test('others’ things come without ending the history; other own ones end it', () => {
		const h = new Hand().use('point').click([5, 5]);
		const mine = h.board.scene.shapes;
		h.board.put([...mine, other], []);
		expect([h.board.canUndo, h.board.scene.shapes.length, h.changes.length]).toEqual([true, 2, 1]);
		h.board.put([{ ...mine[0]!, id: 'server' }], []);
		expect(h.board.canUndo).toBe(false);
	});
	test('labels come and go with the points', () => {
		const h = new Hand().use('length').click([50, 50], [90, 50]);
		const id = h.board.scene.shapes[0]!.id;
		h.board.label(id, '12.3 mm');
		expect(h.board.scene.shapes[0]!.label).toBe('12.3 mm');
		h.use('select').drag([90, 50], [100, 60]);
		expect(h.board.scene.shapes[0]!.label).toBeUndefined();
	});
	test('masks of others lie beside one’s own', () => {
		const h = new Hand(image(4, 6));
		const mask: PlacedMask = { item: 'x', image: 1, frame: 0, layer: 'a', mask: { rows: 4, columns: 6, runs: [0, 6, 18] } };
		h.board.put([], [mask]);
		h.board.combine('x', 0, mask.mask, 'union');
		expect(h.board.scene.masks.map((m) => [m.layer, m.mask.runs])).toEqual([['own', [0, 6, 18]], ['a', [0, 6, 18]]]);
		h.board.combine('x', 0, { rows: 4, columns: 6, runs: [3, 10, 11] }, 'subtract');
		expect(h.changes.at(-1)).toMatchObject({ type: 'mask', mask: { layer: 'own', mask: { runs: [0, 3, 21] } } });
		h.board.undo();
		h.board.undo();
		expect(h.board.scene.masks.map((m) => m.mask.runs)).toEqual([[24], [0, 6, 18]]);
	});
	test('ids of new shapes are none that are there', () => {
		const h = new Hand();
		h.board.put([{ ...other, id: '1.1', layer: 'own' }, { ...other, id: '1.2', layer: 'own' }], []);
		h.use('point').click([9, 9], [20, 20]);
		expect(new Set(h.board.scene.shapes.map((s) => s.id)).size).toBe(4);
	});
	test('a shape from elsewhere is added, and takes the place of the former one', () => {
		const h = new Hand();
		const shape = { kind: 'caliper', image: 9, frame: 2, to: 5, points: [[1, 1], [1, 9]] as Point[] } as const;
		h.board.add(shape, { item: 'tapse', one: 'image' });
		h.board.add({ ...shape, to: 6 }, { item: 'tapse', one: 'image' });
		expect(h.board.scene.shapes.map((s) => [s.shape.image, s.shape.to])).toEqual([[1, 6]]);
	});
});

describe('painting', () => {
	const mask = (h: Hand): ReturnType<typeof decode> => decode(h.board.scene.masks.find((m) => m.layer === 'own')!.mask);
	test('a stroke is one change and one step', () => {
		const h = new Hand().use('brush');
		h.board.target = { item: 'lv' };
		h.drag([50, 50], [80, 50], [80, 90]);
		expect(h.changes).toHaveLength(1);
		expect(h.changes[0]).toMatchObject({ type: 'mask', mask: { item: 'lv', image: 1, frame: 0, layer: 'own' } });
		h.use('erase').drag([80, 90], [80, 70]);
		expect([get(mask(h), 50, 50), get(mask(h), 80, 85)]).toEqual([true, false]);
		h.board.undo();
		expect(get(mask(h), 80, 85)).toBe(true);
		h.board.undo();
		expect(area(mask(h))).toBe(0);
	});
	test('what was said of a mask stays as it was said', () => {
		const h = new Hand().use('brush').drag([50, 50], [60, 50]);
		const said = h.changes[0]!, before = JSON.stringify(said);
		h.drag([100, 100], [120, 100]);
		expect(JSON.stringify(said)).toBe(before);
	});
	test('a stroke that is taken away by the system leaves nothing', () => {
		const h = new Hand().use('brush');
		h.send('down', [50, 50]);
		h.send('move', [90, 50]);
		h.send('cancel', [90, 50]);
		expect(h.changes).toHaveLength(0);
		expect(area(mask(h))).toBe(0);
	});
	test('the threshold brush takes what lies in its range', () => {
		const h = new Hand(image(), (_, x) => x).use('threshold');
		h.board.threshold = [45, 52];
		h.drag([50, 50], [51, 50]);
		expect([get(mask(h), 44, 50), get(mask(h), 45, 50), get(mask(h), 52, 50), get(mask(h), 53, 50)]).toEqual([false, true, true, false]);
		const none = new Hand().use('threshold').drag([50, 50], [60, 50]);
		expect(none.changes).toHaveLength(0);
	});
	test('fill closes holes, with shift what is open, with alt it empties', () => {
		const h = new Hand().use('brush');
		h.board.brush = 3;
		h.drag([50, 50], [100, 50], [100, 100], [50, 100], [50, 50]);
		h.use('fill').click([10, 10]);
		expect(get(mask(h), 10, 10)).toBe(false);
		h.click([75, 75]);
		expect(get(mask(h), 75, 75)).toBe(true);
		h.send('down', [75, 75], { alt: true });
		expect(area(mask(h))).toBe(0);
		h.board.undo();
		expect(get(mask(h), 75, 75)).toBe(true);
		h.send('down', [10, 10], { shift: true });
		expect(area(mask(h))).toBe(200 * 300);
	});
	test('masks between two frames, and on to the next', () => {
		const h = new Hand().use('brush');
		h.board.target = { item: 'lv' };
		h.click([60, 60]);
		h.frame = 4;
		h.click([100, 60]);
		h.board.interpolate('lv', 4, 0);
		const frames = h.board.scene.masks.filter((m) => area(bitsOf(m)) > 0).map((m) => m.frame).sort();
		expect(frames).toEqual([0, 1, 2, 3, 4]);
		expect(get(bitsOf(h.board.scene.masks.find((m) => m.frame === 2)!), 80, 60)).toBe(true);
		h.board.undo();
		expect(h.board.scene.masks.filter((m) => area(bitsOf(m)) > 0)).toHaveLength(2);
		h.board.copy('lv', 4, 5);
		expect(get(bitsOf(h.board.scene.masks.find((m) => m.frame === 5)!), 100, 60)).toBe(true);
	});
	test('another frame or another tool ends a stroke', () => {
		const h = new Hand().use('brush');
		h.send('down', [50, 50]);
		h.board.frame = 3;
		expect(h.changes).toHaveLength(1);
		expect(h.send('up', [60, 60])).toBe(false);
	});
});

describe('without a mouse', () => {
	const keys = (h: Hand, key: Key, n = 1, how: { shift?: boolean; alt?: boolean } = {}): void => {
		for (let i = 0; i < n; i++) h.board.input({ type: 'key', key, ...how });
	};
	test('every tool draws its shape', () => {
		for (const kind of Object.keys(counts) as (keyof typeof counts)[]) {
			const h = new Hand().use(kind);
			keys(h, 'Space'); // shows where one is: the middle
			expect(h.board.scene.cross).toEqual([150, 100]);
			const way: Key[] = ['ArrowRight', 'ArrowDown', 'ArrowRight', 'ArrowUp', 'ArrowLeft', 'ArrowUp'];
			if (kind === 'freehand') keys(h, 'Space');
			for (const w of way) {
				if (kind !== 'freehand') keys(h, 'Space');
				keys(h, w, 3, { shift: true });
				if (h.board.scene.shapes.length) break;
			}
			if (!h.board.scene.shapes.length) keys(h, kind === 'freehand' ? 'Space' : 'Enter');
			if (!h.board.scene.shapes.length) keys(h, 'Enter');
			expect(h.board.scene.shapes.map((s) => s.shape.kind), kind).toEqual([kind]);
		}
	});
	test('a length by keys is where the cursor was, to a tenth of a pixel', () => {
		const h = new Hand().use('length');
		keys(h, 'ArrowRight', 2);
		keys(h, 'Enter');
		keys(h, 'ArrowDown', 3, { alt: true });
		keys(h, 'ArrowDown', 1, { shift: true });
		keys(h, 'Enter');
		expect(h.last).toEqual([[152, 100], [152, 110.3]]);
	});
	test('Enter where the last point is ends', () => {
		const h = new Hand().use('polyline');
		keys(h, 'ArrowRight');
		keys(h, 'Enter');
		keys(h, 'ArrowRight', 5);
		keys(h, 'Enter', 2);
		expect(h.last).toEqual([[151, 100], [156, 100]]);
	});
	test('the brush paints along while Space holds it down', () => {
		const h = new Hand().use('brush');
		h.board.brush = 2;
		keys(h, 'ArrowRight');
		keys(h, 'Space');
		keys(h, 'ArrowRight', 2, { shift: true });
		keys(h, 'Space');
		expect(h.changes).toHaveLength(1);
		const m = bitsOf(h.board.scene.masks[0]!);
		expect([get(m, 151, 100), get(m, 165, 100), get(m, 174, 100)]).toEqual([true, true, false]);
	});
	test('Tab goes through shapes and handles and then on, arrows move, Backspace takes a point, Delete the shape', () => {
		const h = new Hand().use('polygon').click([50, 50], [90, 50], [90, 90], [50, 90]).key('Enter').use('select');
		h.board.select(undefined);
		keys(h, 'Tab');
		expect([h.board.scene.selected !== undefined, h.board.scene.handle]).toEqual([true, undefined]);
		keys(h, 'Tab', 2);
		keys(h, 'ArrowUp', 1, { shift: true });
		expect(h.last[1]).toEqual([90, 40]);
		keys(h, 'Space');
		expect(h.last).toHaveLength(5);
		keys(h, 'Backspace');
		expect(h.last).toHaveLength(4);
		keys(h, 'Tab', 4);
		expect(h.board.input({ type: 'key', key: 'Tab' })).toBe(false);
		expect(h.board.input({ type: 'key', key: 'Tab', shift: true })).toBe(true);
		keys(h, 'Delete');
		expect(h.board.scene.shapes).toHaveLength(0);
		expect(h.board.input({ type: 'key', key: 'Delete' })).toBe(false);
	});
	test('a pointer takes over from the keyboard', () => {
		const h = new Hand().use('length');
		keys(h, 'ArrowRight');
		h.send('move', [20, 20]);
		expect(h.board.scene.cross).toBeUndefined();
		keys(h, 'ArrowRight');
		expect(h.board.scene.cross).toEqual([21, 20]);
	});
});
