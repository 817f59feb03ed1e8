/** Drawing a new shape: one pure reducer for all tools, which differ in how many clicks they take and what these mean. */
import type { Point, ShapeKind } from '../../api/types';
import type { Input } from '../contract';
import { distance } from '../geometry';
import { closed, counts, maxPoints } from './kinds';
import { inside, pathLength, same, type Picture } from './plane';
import { thin } from './thin';

/** How a kind of shape is drawn. */
export interface Tool {
	readonly kind: ShapeKind;
	/** clicks until it is finished; Infinity: until one says so */
	clicks(pen: Pen): number;
	/** follows the hand while it is pressed: never, always, or where it moves and not only clicks */
	readonly hand: 'never' | 'always' | 'also';
	/** The shape's points for clicks, of which some may be missing; free: what the tool would keep in line is left as it is. */
	shape(clicks: readonly Point[], picture: Picture, free: boolean): readonly Point[];
}

/** A shape that is being drawn. */
export interface Pen {
	readonly kind: ShapeKind;
	readonly frame: number;
	/** clicks that are done */
	readonly placed: readonly Point[];
	/** where the pointer is */
	readonly float: Point | undefined;
	/** where it was pressed; undefined: it is up */
	readonly down: Point | undefined;
	/** what the hand drew since then */
	readonly hand: readonly Point[];
	/** the first two clicks were one drag, or were asked for as a line */
	readonly line: boolean;
	readonly free: boolean;
}

export interface PenStep {
	readonly pen: Pen | undefined;
	/** points of a finished shape */
	readonly done?: readonly Point[];
	readonly used: boolean;
}

type Pointer = Extract<Input, { point: Point }>;

/** Points closer than this part of what counts as near are one: half a CSS pixel of a mouse. */
const grain = 1 / 16;

const enough = (kind: ShapeKind, p: readonly Point[]): boolean =>
	p.length >= counts[kind][0] && p.length <= counts[kind][1] && (p.length === 1 || p.some((q) => !same(q, p[0]!)));

/** The shape as it stands, with what is under the pointer. */
export function preview(t: Tool, pen: Pen, picture: Picture, near: number): readonly Point[] {
	if (t.hand !== 'never' && pen.hand.length) return [...pen.placed, ...pen.hand];
	const dragged = pen.down && pen.float && distance(pen.down, pen.float) > near && takesBoth(t, pen);
	const clicks = [...pen.placed, ...(dragged ? [pen.down!] : []), ...(pen.float ? [pen.float] : [])];
	return t.shape(clicks, picture, pen.free);
}

/** A drag is two clicks where both are wanted: as the first line, and as the second of two. */
function takesBoth(t: Tool, pen: Pen): boolean {
	const left = t.clicks(pen) - pen.placed.length;
	return left >= 2 && (pen.placed.length === 0 || left < Infinity);
}

/** Ends a shape if it has what its kind asks for; else goes on. */
function finish(t: Tool, pen: Pen, picture: Picture): PenStep {
	const done = t.shape(pen.placed, picture, pen.free);
	return enough(t.kind, done) ? { pen: undefined, done, used: true } : { pen, used: true };
}

export function pointer(t: Tool, pen: Pen | undefined, i: Pointer, picture: Picture): PenStep {
	if (pen && pen.frame !== i.frame) return { pen, used: false };
	const p = inside(i.point, picture);
	switch (i.type) {
		case 'down': {
			const old = pen ?? { kind: t.kind, frame: i.frame, placed: [], line: i.shift, hand: [], free: i.alt, float: p, down: undefined };
			return { pen: { ...old, float: p, down: p, hand: t.hand === 'never' ? [] : [p], free: i.alt }, used: true };
		}
		case 'move':
			if (!pen) return { pen, used: false };
			return { pen: { ...pen, float: p, free: i.alt, hand: pen.down ? drawOn(pen.hand, p, i.near * grain) : pen.hand }, used: true };
		case 'up':
			if (!pen?.down) return { pen, used: !!pen };
			return t.hand === 'never' ? clicked(t, { ...pen, free: i.alt }, p, i.near, picture) : drawn(t, pen, p, i.near, picture);
		case 'cancel':
			if (!pen) return { pen, used: false };
			return { pen: pen.placed.length ? { ...pen, down: undefined, hand: [], float: undefined } : undefined, used: true };
		case 'double': {
			if (!pen) return { pen, used: true };
			const [last, before] = [pen.placed.at(-1), pen.placed.at(-2)];
			const twice = last && before && distance(last, before) <= i.near;
			return finish(t, twice ? { ...pen, placed: pen.placed.slice(0, -1) } : pen, picture);
		}
	}
}

function drawOn(hand: readonly Point[], p: Point, grain: number): readonly Point[] {
	if (!hand.length || distance(hand.at(-1)!, p) < grain) return hand;
	return hand.length < maxPoints ? [...hand, p] : thin([...hand, p], grain, 2, maxPoints / 2);
}

/** The hand let go after a stroke, or after a click where these count too. */
function drawn(t: Tool, pen: Pen, p: Point, near: number, picture: Picture): PenStep {
	const hand = drawOn(pen.hand, p, 1e-9);
	const stroke = pathLength(hand) > 2 * near;
	const up = { ...pen, down: undefined, hand: [], float: p };
	if (stroke) {
		const all = thin([...pen.placed, ...hand], near / 80, counts[t.kind][0]);
		return pen.placed.length && t.hand === 'also' ? { pen: { ...up, placed: all }, used: true } : finish(t, { ...up, placed: all }, picture);
	}
	if (t.hand === 'always') return { pen: undefined, used: true };
	return { pen: pen.placed.length < maxPoints ? { ...up, placed: [...pen.placed, p] } : up, used: true };
}

function clicked(t: Tool, pen: Pen, p: Point, near: number, picture: Picture): PenStep {
	const dragged = distance(pen.down!, p) > near;
	const last = pen.placed.at(-1), first = pen.placed[0];
	const up: Pen = { ...pen, down: undefined, float: p };
	const many = t.clicks(pen) === Infinity;
	if (many && first && closed(t.kind) && pen.placed.length >= counts[t.kind][0] && distance(first, p) <= near) return finish(t, up, picture);
	if (last && !dragged && (many ? pen.placed.length >= maxPoints : distance(last, p) <= near / 2)) return { pen: up, used: true };
	const both = dragged && takesBoth(t, pen);
	const next: Pen = { ...up, placed: [...pen.placed, ...(both ? [pen.down!] : []), p], line: pen.line || (both && !pen.placed.length) };
	return next.placed.length >= t.clicks(next) ? finish(t, next, picture) : { pen: next, used: true };
}

/** Enter ends, Escape gives up, Backspace and undo take back the last point. */
export function key(t: Tool, pen: Pen | undefined, k: Extract<Input, { type: 'key' }>['key'], picture: Picture): PenStep {
	if (!pen) return { pen, used: false };
	switch (k) {
		case 'Enter':
			return finish(t, pen, picture);
		case 'Escape':
			return { pen: undefined, used: true };
		case 'Backspace':
		case 'undo': {
			const placed = pen.hand.length ? pen.placed : pen.placed.slice(0, -1);
			return { pen: placed.length ? { ...pen, placed, hand: [], down: undefined, line: pen.line && placed.length > 1 } : undefined, used: true };
		}
	}
	return { pen, used: false };
}
