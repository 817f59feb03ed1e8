import { describe, expect, test } from 'vitest';
import type { Hanging, Image, Stack } from '../../api/types';
import { framesOf, slicesOf } from '../frames/source';
import { displaysOf, type Display } from '../stack/series';
import { Canvas, Clock, image, Server } from '../testing/fakes';
import { makeViewport } from '../viewport/viewport';
import { activate, grid, page, put, resized, step, toggleAlone } from './grid';
import { Group, type Member } from './group';
import { hang, kindOf, usual } from './hanging';
import { follow, type Track } from './sync';

describe('grid', () => {
	const all = ['a', 'b', 'c', 'd', 'e'];
	test('cells keep what they show when their number changes', () => {
		const g = grid(1, 2, all);
		expect(g.cells).toEqual(['a', 'b']);
		const four = resized(put(g, 1, 'd'), 2, 2, all);
		expect(four.cells).toEqual(['a', 'd', 'b', 'c']);
		expect(four.active).toBe(1);
		const one = resized(four, 1, 1, all);
		expect([one.cells, one.active]).toEqual([['d'], 0]); // the active one stays
		expect(resized(one, 3, 3, all).cells).toEqual(['d', 'a', 'b', 'c', 'e', undefined, undefined, undefined, undefined]);
		expect(grid(9, 0, all)).toMatchObject({ rows: 3, columns: 1 });
	});
	test('a display is in one cell', () => {
		expect(put(grid(1, 3, all), 0, 'c').cells).toEqual(['c', 'b', 'a']);
		expect(put(grid(1, 1, all), 7, 'c').cells).toEqual(['a']);
	});
	test('steps over empty cells, shows one alone, pages through the case', () => {
		let g = grid(2, 2, ['a', undefined, 'b', undefined]);
		expect((g = step(g, 1)).active).toBe(2);
		expect((g = step(g, 1)).active).toBe(0);
		expect(step(g, -1).active).toBe(2);
		expect(step(grid(1, 2, []), 1).active).toBe(0);
		g = toggleAlone(activate(g, 2));
		expect([g.alone, activate(g, 0).alone, toggleAlone(g).alone, toggleAlone(grid(1, 1, all)).alone]).toEqual([2, 0, undefined, undefined]);
		const p = grid(1, 1, all);
		expect([page(p, 1, all).cells, page(p, -1, all).cells]).toEqual([['b'], ['a']]);
		expect(page(grid(1, 1, []), -1, all).cells).toEqual(['e']);
	});
});

const loop = (frames: number, ms: number, ed: readonly number[] = []): Track => ({
	image: { frames, times_ms: Array.from({ length: frames }, (_, i) => i * ms), marks: ed.map((frame) => ({ frame, name: 'ED' })) },
	stack: undefined,
});
const stack = (n: number, spacing: number, o: Partial<Stack> = {}, z = 0): Stack => ({
	number: 1, space: 1, row: [1, 0, 0], column: [0, 1, 0], pixel: [1, 1], sides: ['R', 'L', 'A', 'P'], spacing, even: true,
	slices: Array.from({ length: n }, (_, i) => ({ image: i + 1, frame: 0, mm: i * spacing, at: [0, 0, z + i * spacing] as const })), ...o,
});
const slab = (s: Stack): Track => ({ image: { frames: s.slices.length }, stack: s });

describe('what follows', () => {
	test('nothing, or the same number', () => {
		expect(follow('none', loop(9, 10), 3, loop(9, 10))).toBeUndefined();
		expect([3, 8].map((n) => follow('frame', loop(9, 10), n, loop(5, 10)))).toEqual([3, 4]);
	});
	test('by time, round and round', () => {
		const a = loop(40, 25), b = loop(10, 50); // 1000 ms and 500 ms
		expect([0, 1, 2, 3, 19, 20, 39].map((n) => follow('time', a, n, b))).toEqual([0, 0, 1, 1, 9, 0, 9]);
		expect(follow('time', b, 9, a)).toBe(18);
		expect(follow('time', { image: { frames: 60 }, stack: undefined }, 30, loop(20, 100))).toBe(10); // thirty a second: 1000 ms
	});
	test('by phase: from one ED to the next', () => {
		// 1000 ms from frame 0 to 20 of 50 ms; 500 ms from frame 5 to 15.
		const a = loop(30, 50, [0, 20]), b = loop(20, 50, [5, 15]);
		expect([0, 2, 10, 18].map((n) => follow('phase', a, n, b))).toEqual([5, 6, 10, 14]);
		expect(follow('phase', a, 20, b)).toBe(5); // the next beat: the loop has one
		expect(follow('phase', a, 24, b)).toBe(7);
		expect(follow('phase', b, 2, a)).toBe(27); // 150 ms before the first ED, round the loop's end
		const two = loop(30, 50, [2, 12, 22]);
		expect([0, 10, 20, 25].map((n) => follow('phase', loop(40, 50, [0, 20, 39]), n, two))).toEqual([2, 7, 12, 14]);
	});
	test('by phase with one mark by the time since it, without any by time', () => {
		expect(follow('phase', loop(20, 50, [4]), 6, loop(20, 50, [10]))).toBe(12);
		expect(follow('phase', loop(20, 50), 6, loop(20, 50, [10]))).toBe(6);
	});
	test('by position, in one frame of reference', () => {
		const a = stack(20, 1), b = stack(5, 5, {}, 3); // at z = 3, 8, 13, …
		expect([0, 5, 6, 19].map((n) => follow('position', slab(a), n, slab(b)))).toEqual([0, 0, 1, 3]);
		const across = stack(9, 1, { row: [0, 1, 0], column: [0, 0, 1] });
		expect(follow('position', slab(a), 3, slab(across))).toBeUndefined();
		expect(follow('position', slab(a), 3, loop(9, 10))).toBeUndefined();
		expect(follow('position', slab(a), 3, slab(stack(1, 0)))).toBeUndefined();
	});
	test('by position elsewhere, by the distance from the first slice', () => {
		const other = stack(11, 2, { space: 2 });
		expect(follow('position', slab(stack(20, 1)), 6, slab(other))).toBe(3);
		expect(follow('position', slab(stack(20, 1)), 6, slab(other), 8)).toBe(7);
	});
});

describe('group', () => {
	const clock = new Clock();
	const member = (im: Image, s?: Stack): Member => {
		const server = new Server({ immediate: true });
		const display: Display = { id: 'x', image: s ? { ...im, frames: s.slices.length } : im, stack: s, places: [] };
		const source = s ? slicesOf(s.slices.map(() => ({ image: im, frame: 0 })), server.shared) : framesOf(im, server.shared);
		const viewport = makeViewport(new Canvas() as unknown as HTMLCanvasElement, source, {
			ticker: clock.ticker, surface: (_, f) => (f({ width: 80, height: 60, ratio: 1 }), () => {}), hidden: () => () => {},
			makeSheet: (w, h) => new Canvas(w, h) as unknown as HTMLCanvasElement,
		});
		return { viewport, display };
	};
	const times = (ms: number) => ({ times_ms: Array.from({ length: 10 }, (_, i) => i * ms) });

	test('whoever is moved leads; what follows leads nobody', () => {
		const g = new Group();
		const [a, b] = [member(image(times(40))), member(image(times(20)))];
		g.add(a);
		const leave = g.add(b);
		a.viewport.show(2);
		expect(b.viewport.wanted).toBe(0);
		g.sync = 'time';
		a.viewport.show(3);
		expect(b.viewport.wanted).toBe(6);
		b.viewport.show(4);
		expect(a.viewport.wanted).toBe(2);
		g.align(b);
		leave();
		a.viewport.show(4);
		expect(b.viewport.wanted).toBe(4);
		g.clear();
	});
	test('one loop plays, the others follow in the same picture', async () => {
		const g = new Group();
		const [a, b] = [member(image(times(40))), member(image(times(40)))];
		g.add(a);
		g.add(b);
		for (let i = 0; i < 4; i++) await clock.beat();
		g.sync = 'time';
		b.viewport.setPlay({ playing: true });
		a.viewport.setPlay({ playing: true });
		expect(b.viewport.play.playing).toBe(false);
		for (let i = 0; i < 12; i++) {
			await clock.beat(20);
			expect(b.viewport.frame).toBe(a.viewport.frame);
		}
		expect(a.viewport.frame).toBeGreaterThan(2);
		a.viewport.close();
		b.viewport.close();
	});
	test('linked zoom, pan and window', () => {
		const g = new Group();
		const a = member(image()), b = member(image({ columns: 8, rows: 6 })), deep = member(image({ bits: 16, bits_stored: 12 }));
		for (const m of [a, b, deep]) g.add(m);
		a.viewport.zoomAt([40, 30], 2);
		expect(b.viewport.view.scale).toBe(0);
		g.linkView = g.linkWindow = true;
		a.viewport.zoomAt([0, 0], 1.5);
		expect(a.viewport.scale()).toBe(60);
		expect(b.viewport.scale()).toBe(30);
		expect(b.viewport.view.centre).toEqual(a.viewport.view.centre!.map((x) => 2 * x));
		a.viewport.setView({ scale: 0, centre: undefined });
		expect(b.viewport.view).toMatchObject({ scale: 0, centre: undefined });
		a.viewport.setGrey({ window: { center: 1, width: 2, function: 'linear' }, invert: true });
		expect(b.viewport.grey).toEqual(a.viewport.grey);
		expect(deep.viewport.grey.window).toBeUndefined();
	});
	test('stacks of two exams keep their distance', () => {
		const g = new Group();
		const a = member(image(), stack(20, 1)), b = member(image(), stack(20, 1, { space: 2 }));
		g.add(a);
		g.add(b);
		b.viewport.show(4); // by hand, to the same level
		g.sync = 'position';
		a.viewport.show(3);
		expect(b.viewport.wanted).toBe(7);
		b.viewport.show(10);
		expect(a.viewport.wanted).toBe(6);
	});
	test('a crosshair and lines of intersection', () => {
		const g = new Group();
		const side: Stack = stack(3, 2, { number: 2, row: [0, 1, 0], column: [0, 0, 1], slices: [0, 1, 2].map((i) => ({ image: 30 + i, frame: 0, mm: 2 * i, at: [2 * i, 0, 0] as const })) });
		const big = { columns: 10, rows: 10 };
		const a = member(image(big), stack(9, 1)), b = member(image(big), side);
		g.add(a);
		g.add(b);
		a.viewport.show(4);
		const place = g.place(a, [2.5, 6.5])!;
		expect(place).toEqual([2, 6, 4]);
		expect(g.crosshair(b, place, 1)).toBeUndefined(); // it is on another slice
		g.goTo(a, [2.5, 6.5]);
		expect(b.viewport.wanted).toBe(1);
		expect(g.crosshair(b, place, 1)).toEqual([6.5, 4.5]);
		expect(g.crosshair(b, place, 2)).toBeUndefined();
		expect(g.line(a, b)!.map((p) => p[0])).toEqual([2.5, 2.5]);
		expect(g.line(b, a)!.map((p) => p[1])).toEqual([4.5, 4.5]);
		expect(g.place(member(image()), [0, 0])).toBeUndefined();
	});
});

describe('hanging', () => {
	const c = {
		id: 'x', stacks: [stack(3, 1)],
		images: [...[1, 2, 3].map((number) => image({ number, frames: 1, bits: 16, bits_stored: 12, rows: 512 })), image({ number: 4, samples: 3 }), image({ number: 5, frames: 1 })],
	};
	const all = displaysOf(c);
	const rule = (o: Partial<Hanging>): Hanging => ({ when: { pictures: {}, rows: {}, frames: {} }, layout: '1x1', sync: 'none', play: false, ...o });
	const when = (o: Partial<Hanging['when']>): Hanging['when'] => ({ pictures: {}, rows: {}, frames: {}, ...o });

	test('kinds by numbers', () => {
		expect(all.map(kindOf)).toEqual(['stack', 'loop', 'still']);
	});
	test('the first rule that fits', () => {
		const rules = [rule({ when: when({ kind: 'loop' }), layout: '3x3' }), rule({ when: when({ pictures: { min: 3, max: 3 } }), layout: '1x2', sync: 'phase', link: ['window'], tool: 'length', window: 'lung', play: true }), rule({})];
		const h = hang(all, rules);
		expect(h).toMatchObject({ sync: 'phase', linkView: false, linkWindow: true, tool: 'length', window: 'lung', play: true });
		expect(h.grid).toMatchObject({ rows: 1, columns: 2, cells: ['s1', 'i4'] });
		expect(hang([all[1]!], rules).grid.rows).toBe(3);
		expect(hang([all[0]!], rules).grid).toMatchObject({ rows: 1, columns: 1 });
		expect(hang(all, [rule({ window: 'header' })]).window).toBeUndefined();
	});
	test('every condition counts', () => {
		const yes = (w: Partial<Hanging['when']>) => hang(all, [rule({ when: when(w), layout: '3x1' })]).grid.rows === 3;
		expect([yes({}), yes({ pictures: { max: 2 } }), yes({ colour: true }), yes({ rows: { min: 3 } }), yes({ rows: { min: 4 } }), yes({ frames: { max: 10 } }), yes({ frames: { max: 9 } })])
			.toEqual([true, false, false, true, false, true, false]);
	});
	test('cells by what they show', () => {
		const h = hang(all, [rule({ layout: '2x2', show: [{ kind: 'still' }, { colour: true }, { kind: 'stack', nth: 2 }, { nth: 1 }] })]);
		expect(h.grid.cells).toEqual(['i5', 'i4', undefined, 's1']);
	});
	test('without a rule: up to four cells, stacks by position', () => {
		expect(usual([]).grid.cells).toEqual([undefined]);
		expect(usual(all.slice(0, 2)).grid).toMatchObject({ rows: 1, columns: 2 });
		expect(hang(all).grid).toMatchObject({ rows: 2, columns: 2, cells: ['s1', 'i4', 'i5', undefined] });
		const two = displaysOf({ id: 'y', images: [1, 2, 3, 4].map((number) => image({ number, frames: 1 })),
			stacks: [stack(2, 1), stack(2, 1, { number: 2, slices: [3, 4].map((k, i) => ({ image: k, frame: 0, mm: i, at: [0, 0, i] as const })) })] });
		expect(usual(two).sync).toBe('position');
		expect(usual(all).sync).toBe('none');
	});
});
