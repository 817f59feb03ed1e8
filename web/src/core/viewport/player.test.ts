import { describe, expect, test } from 'vitest';
import { Player } from './player';
import { DEFAULT_MS, durations, Timeline } from './timeline';

const all = () => true;

describe('timeline', () => {
	test('times of the header, the last as long as the median', () => {
		expect(durations(4, [0, 10, 30, 40])).toEqual([10, 20, 10, 10]);
		expect(durations(3, undefined)).toEqual([DEFAULT_MS, DEFAULT_MS, DEFAULT_MS]);
		expect(durations(3, [0, 10])).toEqual([DEFAULT_MS, DEFAULT_MS, DEFAULT_MS]);
		expect(durations(3, [0, 10, 10])).toEqual([DEFAULT_MS, DEFAULT_MS, DEFAULT_MS]);
		expect(durations(1, [0])).toEqual([DEFAULT_MS]);
	});
	test('each frame from its time to the next one’s, round and round', () => {
		const t = new Timeline(4, [0, 10, 30, 40], [0, 3], false);
		expect(t.length).toBe(50);
		const at = (ms: number) => [t.at(ms).frame, t.at(ms).step];
		expect([0, 9.9, 10, 29, 30, 40, 49.9].map((ms) => at(ms)[0])).toEqual([0, 0, 1, 1, 2, 3, 3]);
		expect(at(50)).toEqual([0, 4]);
		expect(at(1030)).toEqual([2, 82]);
		expect([0, 1, 4, 6].map((s) => t.beginning(s))).toEqual([0, 10, 50, 80]);
		for (let s = 0; s < 40; s++) expect(t.at(t.beginning(s)).step).toBe(s);
	});
	test('thirds of a second do not slip', () => {
		const t = new Timeline(60, undefined, [0, 59], false);
		for (let s = 0; s < 600; s++) expect(t.at(t.beginning(s))).toEqual({ step: s, frame: s % 60 });
	});
	test('forth and back shows the ends once', () => {
		const t = new Timeline(5, [0, 10, 20, 30, 40], [1, 4], true);
		expect(Array.from({ length: 8 }, (_, s) => t.frameOf(s))).toEqual([1, 2, 3, 4, 3, 2, 1, 2]);
		expect(t.length).toBe(60);
		expect(t.stepOf(3)).toBe(2);
		expect(t.stepOf(0)).toBe(0);
		expect(new Timeline(5, undefined, [2, 3], true).steps).toBe(2);
	});
});

describe('player', () => {
	const times = Array.from({ length: 10 }, (_, i) => i * 100);
	test('shows what the clock says, whatever the beat', () => {
		const p = new Player(10, times);
		p.set({ playing: true }, 0);
		expect(p.tick(5000, all)).toBe(0);
		expect(p.tick(5050, all)).toBeUndefined();
		expect(p.tick(5100, all)).toBe(1);
		expect(p.tick(5120, all)).toBeUndefined();
		expect(p.tick(5430, all)).toBe(4); // 2 and 3 were never shown
		expect(p.dropped).toBe(2);
		expect(p.tick(6000, all)).toBe(0);
		expect(p.dropped).toBe(2 + 5);
	});
	test('speed, loop, forth and back', () => {
		const p = new Player(10, times);
		p.set({ playing: true, speed: 2, loop: [3, 5] }, 3);
		const shown = [0, 50, 100, 150, 200].map((t) => p.tick(t, all));
		expect(shown).toEqual([3, 4, 5, 3, 4]);
		p.set({ sweep: true, speed: 1 }, 5);
		expect(p.direction).toBe(-1);
		expect([1000, 1100, 1200].map((t) => p.tick(t, all))).toEqual([5, 4, 3]);
		expect(p.dropped).toBe(0);
	});
	test('a change goes on at the frame that is shown', () => {
		const p = new Player(10, times);
		p.set({ playing: true }, 0);
		p.tick(0, all);
		p.tick(300, all);
		p.set({ speed: 0.5 }, 3);
		expect(p.tick(350, all)).toBe(3);
		expect(p.tick(500, all)).toBeUndefined();
		expect(p.tick(550, all)).toBe(4);
		expect(p.dropped).toBe(2);
	});
	test('what is out of bounds is put right; one frame is no loop', () => {
		const p = new Player(10, times);
		p.set({ loop: [12, -3], speed: -1 }, 0);
		expect(p.state).toMatchObject({ loop: [0, 9], speed: 1 });
		p.set({ loop: [4, 4], playing: true }, 4);
		expect(p.state.playing).toBe(false);
		const one = new Player(1, undefined);
		one.set({ playing: true }, 0);
		expect(one.state.playing).toBe(false);
		expect(one.tick(0, all)).toBeUndefined();
	});
	test('begins when the next 300 ms are here; that is no dropping', () => {
		const p = new Player(10, times);
		p.set({ playing: true }, 0);
		let n = 1;
		const here = (f: number) => f < n;
		expect(p.tick(0, here)).toBeUndefined();
		expect(p.waits).toBe(true);
		n = 3;
		expect(p.tick(2000, here)).toBe(0);
		expect(p.waits).toBe(false);
		expect(p.dropped).toBe(0);
	});
	test('waits where a frame is missing, for more of them, and says what was missed', () => {
		const p = new Player(10, times);
		p.set({ playing: true }, 0);
		let n = 3;
		const here = (f: number) => f < n;
		expect([0, 100, 200].map((t) => p.tick(t, here))).toEqual([0, 1, 2]);
		expect(p.tick(300, here)).toBeUndefined();
		expect(p.at).toBe(3);
		n = 6; // 3, 4 and 5 are 300 ms; 600 are asked for now
		expect(p.tick(400, here)).toBeUndefined();
		n = 9;
		expect(p.tick(800, here)).toBe(3);
		expect(p.dropped).toBe(5); // 500 ms
		expect(p.tick(900, here)).toBe(4);
		expect(p.dropped).toBe(5);
	});
	test('a page that was hidden drops nothing', () => {
		const p = new Player(10, times);
		p.set({ playing: true }, 0);
		p.tick(0, all);
		p.tick(200, all);
		const before = p.dropped;
		p.rest();
		expect(p.tick(60_000, all)).toBe(2);
		expect(p.tick(60_100, all)).toBe(3);
		expect(p.dropped).toBe(before);
	});
});
