import { expect, test } from 'vitest';
import { Focus } from './focus';

/** Ticks every second from a to b. */
const run = (f: Focus, a: number, b: number) => {
	for (let t = a; t <= b; t += 1000) f.tick(t);
};

test('time counts while the page is seen and somebody is active', () => {
	const f = new Focus(0, true);
	run(f, 0, 30_000);
	expect(f.take()).toBe(30);
	expect(f.take()).toBe(0);
});

test('sixty seconds after the last key nobody reads', () => {
	const f = new Focus(0, true);
	run(f, 0, 100_000);
	expect(f.take()).toBe(60);
	f.active(100_500);
	run(f, 101_000, 103_000);
	expect(f.take()).toBe(2.5);
});

test('out of sight counts nothing, and coming back is activity', () => {
	const f = new Focus(0, true);
	run(f, 0, 10_000);
	f.see(false, 10_000);
	run(f, 11_000, 200_000);
	f.see(true, 200_000);
	run(f, 201_000, 210_000);
	expect(f.take()).toBe(20);
});

test('a machine that slept did not read, and a clock that jumps back takes nothing', () => {
	const f = new Focus(0, true);
	f.tick(1000);
	f.tick(50_000);
	f.tick(40_000);
	f.tick(50_500);
	expect(f.take()).toBe(1.5);
});

test('what could not be delivered is given back', () => {
	const f = new Focus(0, true);
	f.tick(1250);
	expect(f.take()).toBe(1.2);
	f.give(1.2);
	expect(f.take()).toBe(1.2);
});

test('a page that was never seen', () => {
	const f = new Focus(0, false);
	run(f, 0, 5000);
	expect(f.take()).toBe(0);
});
