import { describe, expect, test, vi } from 'vitest';
import type { Image } from '../../api/types';
import type { Viewport } from '../contract';
import { framesOf, slicesOf } from '../frames/source';
import { Canvas, Clock, image, Server, settle } from '../testing/fakes';
import { makeViewport } from './viewport';
import type { Surface } from './surface';

interface Made {
	readonly v: Viewport;
	readonly s: Server;
	readonly clock: Clock;
	readonly canvas: Canvas;
	readonly sheets: Canvas[];
	resize(s: Partial<Surface>): void;
	hide(hidden: boolean): void;
}

function make(o: Partial<Image> = {}, server: ConstructorParameters<typeof Server>[0] = { immediate: true }, clock = new Clock()): Made {
	const s = new Server(server);
	const canvas = new Canvas();
	const sheets: Canvas[] = [];
	let resize: (s: Surface) => void = () => {}, hide: (hidden: boolean) => void = () => {};
	const size = { width: 80, height: 60, ratio: 1 };
	const v = makeViewport(canvas as unknown as HTMLCanvasElement, framesOf(image(o), s.shared), {
		ticker: clock.ticker,
		surface: (_, f) => ((resize = f)(size), () => {}),
		hidden: (f) => ((hide = f), () => {}),
		makeSheet: (w, h) => {
			const c = new Canvas(w, h);
			sheets.push(c);
			return c as unknown as HTMLCanvasElement;
		},
	});
	return { v, s, clock, canvas, sheets, resize: (p) => resize({ ...size, ...p }), hide: (h) => hide(h) };
}

const grey = (m: Made) => m.sheets.at(-1)!.put![0]! & 0xff;

describe('viewport', () => {
	test('shows its first frame as soon as it is here, and says how long it took', async () => {
		const m = make({}, {});
		await m.clock.beat(100);
		expect(m.v.stats()).toEqual({ shown: 0, dropped: 0, first: NaN });
		await m.s.of(0).answer();
		await m.clock.beat(20);
		expect(m.v.stats()).toEqual({ shown: 1, dropped: 0, first: 120 });
		expect(m.canvas.calls.slice(-2)).toEqual(['transform 20 0 0 20 0 0', 'draw * 0 0 4 3']);
		await m.clock.beat();
		expect(m.clock.idle).toBe(true); // nothing to do: no beat
	});
	test('an earlier wish that is not here is dropped', async () => {
		const m = make({}, { parallel: 1 });
		const seen: number[] = [];
		m.v.on('frame', () => seen.push(m.v.frame));
		m.v.show(4);
		m.v.show(7);
		expect([m.v.frame, m.v.wanted]).toEqual([0, 7]);
		await m.s.of(7).answer();
		await m.clock.beat();
		expect(m.v.frame).toBe(7);
		expect(grey(m)).toBe(7);
		expect(seen).toEqual([7]);
		m.v.show(99);
		expect(m.v.wanted).toBe(9);
		m.v.show(NaN);
		expect(m.v.wanted).toBe(9);
	});
	test('a refusal is a problem until a frame comes', async () => {
		const m = make({}, {});
		const told = vi.fn();
		m.v.on('problem', told);
		const refusal = Object.assign(new Error('not yours'), { status: 404 });
		await m.s.of(0).refuse(refusal);
		expect(m.v.problem).toBe(refusal);
		m.v.show(1);
		await m.s.of(1).answer();
		expect(m.v.problem).toBeUndefined();
		expect(told).toHaveBeenCalledTimes(2);
	});
	test('window and inversion change the greys, and only then are they made anew', async () => {
		const m = make();
		await m.clock.beat();
		m.v.show(5);
		await m.clock.beat();
		const puts = () => m.sheets[0]!.calls.filter((c) => c === 'put').length;
		expect([grey(m), puts()]).toEqual([5, 2]);
		m.v.setView({ flip: true });
		await m.clock.beat();
		expect(puts()).toBe(2);
		m.v.setGrey({ invert: true });
		await m.clock.beat();
		expect([grey(m), puts()]).toEqual([250, 3]);
		m.v.setGrey({ invert: false, window: { center: 5, width: 10, function: 'linear_exact' } });
		await m.clock.beat();
		expect(grey(m)).toBe(128);
		expect(m.v.window).toEqual({ center: 5, width: 10, function: 'linear_exact' });
	});
	test('MONOCHROME1 is inverse, twice inverse is not', async () => {
		const m = make({ inverse: true });
		await m.clock.beat();
		expect(grey(m)).toBe(255);
		m.v.setGrey({ invert: true });
		await m.clock.beat();
		expect(grey(m)).toBe(0);
	});
	test('which window is in effect', async () => {
		const w = { center: 1, width: 2, function: 'linear' } as const;
		expect(make({ windows: [w] }).v.window).toEqual(w);
		expect(make().v.window).toEqual({ center: 127.5, width: 255, function: 'linear_exact' });
		expect(make({ samples: 3 }).v.window).toBeUndefined();
		expect(make({ windows: [w], voi_lut: { first: 0, bits: 8, data: [0, 255] } }).v.window).toBeUndefined();
		const deep = make({ bits: 16, bits_stored: 12 }, {});
		await deep.s.of(0).answer(new Uint16Array([5, ...new Array<number>(10).fill(100), 4000]).buffer);
		await deep.clock.beat();
		expect(deep.v.window).toEqual({ center: 2002.5, width: 3995, function: 'linear_exact' }); // of the first frame's values
	});
	test('slices have their own rescaling', async () => {
		const clock = new Clock(), s = new Server({ immediate: true }), canvas = new Canvas(), sheets: Canvas[] = [];
		const src = slicesOf([1, 2].map((number) => ({ image: image({ number, frames: 1, rescale: { slope: number, intercept: 0 } }), frame: 0 })), s.shared);
		const v = makeViewport(canvas as unknown as HTMLCanvasElement, src, {
			ticker: clock.ticker, surface: (_, f) => (f({ width: 40, height: 30, ratio: 1 }), () => {}), hidden: () => () => {},
			makeSheet: (w, h) => (sheets.push(new Canvas(w, h)), sheets.at(-1) as unknown as HTMLCanvasElement),
		});
		v.setGrey({ window: { center: 127.5, width: 255, function: 'linear_exact' } });
		await clock.beat();
		expect(v.value([0.5, 0.5])).toBe(0);
		v.show(1);
		await settle();
		await clock.beat();
		expect(v.source.at(v.frame).image.number).toBe(2);
	});
	test('zoom, pan, fit; the canvas has the screen’s pixels', async () => {
		const m = make();
		const views = vi.fn();
		m.v.on('view', views);
		m.v.zoomAt([0, 0], 2);
		expect(m.v.scale()).toBe(40);
		expect(m.v.transform()).toEqual({ a: 40, b: 0, c: 0, d: 40, e: 0, f: 0 });
		m.v.panBy(-10, -5);
		expect(m.v.transform()).toMatchObject({ e: -10, f: -5 });
		m.v.setView({ scale: 0, centre: undefined });
		expect(m.v.scale()).toBe(20);
		expect(views).toHaveBeenCalledTimes(3);
		const painted = m.canvas.calls.length;
		m.resize({ ratio: 2 });
		expect(m.canvas.calls.length, 'painted before the next picture of the screen').toBeGreaterThan(painted);
		await m.clock.beat();
		expect([m.canvas.width, m.canvas.height]).toEqual([160, 120]);
		expect(m.canvas.calls.at(-2)).toBe('transform 40 0 0 40 0 0');
		m.resize({ ratio: 1.25, pixelWidth: 101, pixelHeight: 75 });
		expect([m.canvas.width, m.canvas.height]).toEqual([101, 75]);
	});
	test('at 1:1 image pixels lie on the screen’s', async () => {
		const m = make();
		m.resize({ width: 81, height: 60 });
		m.v.setView({ scale: 1 });
		expect(m.v.transform()).toMatchObject({ e: 39, f: 29 }); // not 38.5 and 28.5
		m.resize({ width: 80, height: 60, ratio: 2 });
		m.v.setView({ scale: 0.5, centre: [2.25, 1.5] });
		expect(m.v.transform()).toMatchObject({ e: 39, f: 29.5 }); // not 38.875 and 29.25
		m.v.setView({ scale: 0.7 });
		expect(m.v.transform().e).toBeCloseTo(40 - 0.7 * 2.25, 9);
	});
	test('squares from two pixels of the screen on, if asked for', async () => {
		const m = make();
		await m.clock.beat();
		expect(m.canvas.ctx['imageSmoothingEnabled']).toBe(true);
		m.v.setView({ smooth: false });
		await m.clock.beat();
		expect(m.canvas.ctx['imageSmoothingEnabled']).toBe(false);
		m.v.setView({ scale: 1.5 });
		await m.clock.beat();
		expect(m.canvas.ctx['imageSmoothingEnabled']).toBe(true);
	});
	test('values after rescaling, undefined outside', async () => {
		const m = make({ rescale: { slope: 2, intercept: -1 } });
		m.v.show(3);
		await m.clock.beat();
		expect(m.v.value([3.99, 2.5])).toBe(5);
		for (const p of [[-0.1, 0], [4, 0], [0, 3], [NaN, 0]] as const) expect(m.v.value(p)).toBeUndefined();
	});
	test('plays, stops where it is, and is silent after closing', async () => {
		const m = make({ times_ms: Array.from({ length: 10 }, (_, i) => i * 50) });
		for (let i = 0; i < 3; i++) await m.clock.beat();
		m.v.setPlay({ playing: true });
		const seen: number[] = [];
		m.v.on('frame', () => seen.push(m.v.frame));
		for (let i = 0; i < 31; i++) await m.clock.beat(50 / 3);
		expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
		expect(m.v.stats().dropped).toBe(0);
		m.v.setPlay({ playing: false });
		await m.clock.beat();
		await m.clock.beat();
		expect(m.clock.idle).toBe(true);
		expect(m.v.frame).toBe(0);
		m.v.setPlay({ playing: true });
		m.v.close();
		m.v.close();
		const calls = m.canvas.calls.length;
		await m.clock.beat();
		await m.clock.beat();
		expect(m.canvas.calls.length).toBe(calls);
		expect(m.clock.idle).toBe(true);
	});
	test('playing waits for frames and tells a refusal', async () => {
		const m = make({ frames: 10 }, { parallel: 1 });
		m.v.setPlay({ playing: true });
		await m.clock.beat();
		const refusal = Object.assign(new Error('gone'), { status: 404 });
		await m.s.of(0).refuse(refusal);
		await m.clock.beat();
		expect(m.v.problem).toBe(refusal);
		expect(m.v.stats().shown).toBe(0);
	});
	test('a hidden page drops nothing', async () => {
		const m = make({ times_ms: Array.from({ length: 10 }, (_, i) => i * 50) });
		for (let i = 0; i < 3; i++) await m.clock.beat();
		m.v.setPlay({ playing: true });
		for (let i = 0; i < 6; i++) await m.clock.beat(25);
		m.hide(true);
		await m.clock.beat(100_000);
		for (let i = 0; i < 4; i++) await m.clock.beat(25);
		expect(m.v.stats().dropped).toBe(0);
	});
	test('a loop changed while it plays goes on inside', async () => {
		const m = make();
		for (let i = 0; i < 3; i++) await m.clock.beat();
		m.v.setPlay({ playing: true, loop: [6, 8] });
		for (let i = 0; i < 9; i++) await m.clock.beat();
		expect(m.v.frame).toBeGreaterThanOrEqual(6);
		m.v.setPlay({ playing: false });
		m.v.show(1);
		await m.clock.beat();
		expect(m.v.frame).toBe(1);
	});
	test('what is changed while painting is painted in the same picture', async () => {
		const clock = new Clock();
		const a = make({}, { immediate: true }, clock), b = make({}, { immediate: true }, clock);
		for (let i = 0; i < 4; i++) await clock.beat();
		a.v.on('frame', () => b.v.show(a.v.frame));
		a.v.show(4);
		await clock.beat();
		expect(b.v.frame).toBe(4);
	});
	test('colour is drawn as it is; inverted by its difference to white', async () => {
		const m = make({ samples: 3 });
		await m.clock.beat();
		expect(m.sheets.length).toBe(1); // the fake's bitmap has data, as ImageData has
		m.v.setGrey({ invert: true });
		await m.clock.beat();
		expect(m.canvas.calls.slice(-2)).toEqual(['draw * 0 0 4 3', 'fill 0 0 4 3']);
		expect(m.v.value([0, 0])).toEqual([0, 0, 0]);
	});
});
