import { expect, test, vi } from 'vitest';
import type { Drawn, Result } from '../../api/types';
import { Preview } from './preview';

const line = (x: number): Drawn[] => [{ kind: 'length', image: 1, frame: 0, points: [[0, 0], [x, 0]] }];

test('one question at a time, the last of those that came meanwhile, and no old answer', async () => {
	let now = 0;
	const waits: (() => void)[] = [];
	const open: ((r: Result[]) => void)[] = [];
	const ask = vi.fn(() => new Promise<Result[]>((done) => open.push(done)));
	const p = new Preview(ask, 100, () => now, (f) => waits.push(f));
	const tell = vi.fn();
	p.measure(line(1), tell);
	p.measure(line(2), tell);
	p.measure(line(3), tell);
	expect(ask).toHaveBeenCalledTimes(1);
	open[0]!([]);
	await new Promise((r) => setTimeout(r));
	expect(tell).not.toHaveBeenCalled(); // a newer one waits
	expect(ask).toHaveBeenCalledTimes(1);
	now = 100;
	waits.shift()!();
	expect(ask).toHaveBeenLastCalledWith(line(3));
	open[1]!([{ values: [{ name: 'length', number: 3, unit: 'mm' }] }]);
	await new Promise((r) => setTimeout(r));
	expect(tell).toHaveBeenCalledTimes(1);
	expect(tell).toHaveBeenCalledWith({ results: [{ values: [{ name: 'length', number: 3, unit: 'mm' }] }] });
});

test('what the server says against it comes in its words', async () => {
	const p = new Preview(() => Promise.reject(new Error('measure inside of one region')), 0);
	const tell = vi.fn();
	p.measure(line(1), tell);
	await new Promise((r) => setTimeout(r));
	expect(tell).toHaveBeenCalledWith({ words: 'measure inside of one region' });
});

test('dropped', async () => {
	const waits: (() => void)[] = [];
	const ask = vi.fn(async () => []);
	const p = new Preview(ask, 100, () => 0, (f) => waits.push(f));
	p.measure(line(1), () => undefined);
	await new Promise((r) => setTimeout(r));
	p.measure(line(2), () => undefined);
	p.drop();
	waits.shift()?.();
	expect(ask).toHaveBeenCalledTimes(1);
});
