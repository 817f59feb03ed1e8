/** Places for words beside shapes: inside of the canvas, off the lines, off one another. */
import type { Point } from '../../api/types';
import type { ScreenLine } from './path';

/** CSS pixels, left upper corner. */
export interface Box {
	readonly x: number;
	readonly y: number;
	readonly width: number;
	readonly height: number;
}

export interface Wanted {
	readonly lines: readonly ScreenLine[];
	readonly width: number;
	readonly height: number;
}

/** Space between a label and what it must not touch. */
const gap = 4;

const meets = (a: Box, b: Box, g: number): boolean => a.x < b.x + b.width + g && b.x < a.x + a.width + g && a.y < b.y + b.height + g && b.y < a.y + a.height + g;

/** Whether a line from p to q goes through a box (Liang and Barsky 1984). */
export function crossesBox(p: Point, q: Point, b: Box, g = 0): boolean {
	let t0 = 0, t1 = 1;
	for (const k of [0, 1] as const) {
		const low = (k ? b.y : b.x) - g, high = (k ? b.y + b.height : b.x + b.width) + g, d = q[k] - p[k];
		if (d === 0) {
			if (p[k] < low || p[k] > high) return false;
			continue;
		}
		const [a, c] = [(low - p[k]) / d, (high - p[k]) / d];
		t0 = Math.max(t0, Math.min(a, c));
		t1 = Math.min(t1, Math.max(a, c));
	}
	return t0 <= t1;
}

export function touches(lines: readonly ScreenLine[], b: Box, g = gap): boolean {
	return lines.some(({ points: p, closed }) => {
		for (let i = closed ? 0 : 1; i < p.length; i++) if (crossesBox(p[i === 0 ? p.length - 1 : i - 1]!, p[i]!, b, g)) return true;
		return p.length === 1 && crossesBox(p[0]!, p[0]!, b, g);
	});
}

function bounds(lines: readonly ScreenLine[], width: number, height: number, least = 0): Box {
	let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
	for (const { points } of lines) {
		for (const [x, y] of points) {
			x0 = Math.min(x0, x);
			x1 = Math.max(x1, x);
			y0 = Math.min(y0, y);
			y1 = Math.max(y1, y);
		}
	}
	const clip = (v: number, most: number): number => Math.min(most, Math.max(least, v));
	[x0, x1, y0, y1] = [clip(x0, width), clip(x1, width), clip(y0, height), clip(y1, height)];
	return { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
}

/** Places to try around a box, the nearest first. */
function* around(b: Box, w: number, h: number): Generator<Point> {
	for (let far = gap + 2; far <= 96; far += 12) {
		const right = b.x + b.width + far, left = b.x - far - w, above = b.y - far - h, below = b.y + b.height + far;
		yield [right, b.y + b.height - h];
		yield [right, b.y];
		yield [right, b.y + (b.height - h) / 2];
		yield [b.x + (b.width - w) / 2, below];
		yield [b.x + (b.width - w) / 2, above];
		yield [left, b.y];
		yield [left, b.y + b.height - h];
		yield [right, above];
		yield [right, below];
		yield [left, above];
		yield [left, below];
	}
}

/**
 * A place for each label, in order of who comes first; undefined where there is none at all: a canvas too small, or full of lines.
 * Lines of all shapes are left free where that is possible, those of the label's own shape always.
 */
export function placeLabels(wanted: readonly Wanted[], width: number, height: number): (Box | undefined)[] {
	const taken: Box[] = [];
	const boxes = wanted.map((w) => bounds(w.lines, Infinity, Infinity, -Infinity));
	return wanted.map((w, k) => {
		const fits = (b: Box): boolean => b.x >= 2 && b.y >= 2 && b.x + b.width <= width - 2 && b.y + b.height <= height - 2 && !taken.some((t) => meets(t, b, 2));
		const on = (i: number, b: Box): boolean => meets(boxes[i]!, b, gap) && touches(wanted[i]!.lines, b);
		const at = ([x, y]: Point): Box => ({ x: Math.round(x), y: Math.round(y), width: w.width, height: w.height });
		const box = bounds(w.lines, width, height);
		let second: Box | undefined;
		const pick = (): Box | undefined => {
			for (const p of around(box, w.width, w.height)) {
				const b = at(p);
				if (!fits(b) || on(k, b)) continue;
				if (!wanted.some((_, i) => on(i, b))) return b;
				second ??= b;
			}
			if (second) return second;
			// Anywhere, the nearest first.
			let best: Box | undefined, least = Infinity;
			for (let y = 2; y + w.height <= height - 2; y += 10) {
				for (let x = 2; x + w.width <= width - 2; x += 10) {
					const d = Math.hypot(x + w.width / 2 - box.x - box.width / 2, y + w.height / 2 - box.y - box.height / 2);
					if (d >= least) continue;
					const b = at([x, y]);
					if (fits(b) && !on(k, b)) [best, least] = [b, d];
				}
			}
			return best;
		};
		const b = pick();
		if (b) taken.push(b);
		return b;
	});
}
