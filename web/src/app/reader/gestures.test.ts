import { beforeEach, expect, test, vi } from 'vitest';
import type { Point } from '../../api/types';
import { Gestures, type Doing, type Touching } from './gestures';

const mouse = (at: Point, button = 0): Touching => ({ id: 1, kind: 'mouse', at, button });
const finger = (id: number, at: Point): Touching => ({ id, kind: 'touch', at, button: 0 });
const doing = { tool: vi.fn<Doing['tool']>(() => true), pan: vi.fn(), zoom: vi.fn(), window: vi.fn(), frames: vi.fn() };
let g: Gestures;
beforeEach(() => {
	vi.clearAllMocks();
	doing.tool.mockImplementation(() => true);
	g = new Gestures(doing);
});

test('left is the tool’s', () => {
	g.move(mouse([1, 1]));
	g.down(mouse([2, 2]));
	g.move(mouse([5, 5]));
	g.up(mouse([6, 6]));
	expect(doing.tool.mock.calls.map((c) => c[0])).toEqual(['move', 'down', 'move', 'up']);
});

test('where the tool does not want it, left pans', () => {
	doing.tool.mockImplementation(() => false);
	g.down(mouse([2, 2]));
	g.move(mouse([5, 4]));
	g.up(mouse([5, 4]));
	expect(doing.pan).toHaveBeenCalledWith(3, 2);
	expect(doing.tool).toHaveBeenCalledTimes(1);
});

test('right is the window, middle and Space pan', () => {
	g.down(mouse([0, 0], 2));
	g.down(mouse([0, 0], 0)); // a second button meanwhile is nothing
	g.move(mouse([4, -2]));
	g.up(mouse([4, -2]));
	expect(doing.window).toHaveBeenCalledWith(4, -2);
	g.down(mouse([0, 0], 1));
	g.move(mouse([1, 1]));
	g.up(mouse([1, 1]));
	g.down(mouse([0, 0]), true);
	g.move(mouse([1, 2]));
	expect(doing.pan.mock.calls).toEqual([[1, 1], [1, 2]]);
	expect(doing.tool).not.toHaveBeenCalled();
});

test('wheel: frames, with Ctrl zoom around the pointer', () => {
	g.wheel([3, 3], 120, false);
	g.wheel([3, 3], -3, false);
	expect(doing.frames.mock.calls).toEqual([[1], [-1]]);
	g.wheel([3, 3], -100, true);
	expect(doing.zoom.mock.calls[0]![0]).toEqual([3, 3]);
	expect(doing.zoom.mock.calls[0]![1]).toBeGreaterThan(1);
});

test('one finger scrolls frames where the tool does not want it', () => {
	doing.tool.mockImplementation(() => false);
	g.down(finger(7, [0, 100]));
	g.move(finger(7, [0, 90]));
	g.move(finger(7, [0, 70]));
	expect(doing.frames.mock.calls).toEqual([[2]]);
	g.up(finger(7, [0, 70]));
	g.move(finger(7, [0, 0]));
	expect(doing.frames).toHaveBeenCalledTimes(1);
});

test('two fingers pan and zoom, and take back what the first began', () => {
	g.down(finger(1, [0, 0]));
	g.down(finger(2, [100, 0]));
	expect(doing.tool.mock.calls.map((c) => c[0])).toEqual(['down', 'cancel']);
	g.move(finger(2, [200, 0]));
	expect(doing.zoom).toHaveBeenCalledWith([100, 0], 2);
	expect(doing.pan).toHaveBeenCalledWith(50, 0);
	g.up(finger(2, [200, 0]));
	g.move(finger(1, [50, 50]));
	g.up(finger(1, [50, 50]));
	expect(doing.tool).toHaveBeenCalledTimes(2);
	g.down(finger(3, [0, 0]));
	expect(doing.tool).toHaveBeenCalledTimes(3);
});

test('the browser takes the pointer away', () => {
	g.down(mouse([0, 0]));
	g.cancel(mouse([0, 0]));
	expect(doing.tool.mock.calls.map((c) => c[0])).toEqual(['down', 'cancel']);
	expect(g.mode).toBeUndefined();
});
