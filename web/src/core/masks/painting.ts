/** Tools that paint: a stroke of a brush from press to release, and filling at a click. */
import type { Point } from '../../api/types';
import type { Input, ToolName } from '../contract';
import type { Desk } from '../tools/desk';
import { arrow, crossAfter } from '../tools/keys';
import { inside, type Picture } from '../tools/plane';
import { combine, copyMask, get, type BitMask } from './bits';
import { paint } from './brush';
import { region } from './fill';

/** A stroke that goes on, or one that ended. */
export interface Painting {
	readonly item: string;
	readonly frame: number;
	readonly mask: BitMask;
	readonly before: BitMask;
	readonly last: Point;
}

export interface PaintEnv {
	readonly tool: ToolName;
	readonly item: string;
	readonly frame: number;
	readonly picture: Picture;
	readonly radius: number;
	readonly range: readonly [number, number];
	readonly sample: ((frame: number, x: number, y: number) => number | undefined) | undefined;
	/** the mask to paint on */
	mask(): BitMask;
}

interface PaintStep {
	readonly desk: Desk;
	readonly painting: Painting | undefined;
	readonly done?: Painting;
	readonly used: boolean;
}

export function strokeTool(d: Desk, p: Painting | undefined, i: Input, env: PaintEnv): PaintStep {
	if (i.type === 'key') return keys(d, p, i, env);
	const at = inside(i.point, env.picture), desk = { ...d, cross: undefined, last: at, near: i.near };
	switch (i.type) {
		case 'down':
			return begin(desk, p, at, i.shift, i.alt, env);
		case 'move':
			return p ? { desk, painting: stroke(p, at, env), used: true } : { desk, painting: p, used: false };
		case 'up':
			return p ? { desk, painting: undefined, done: stroke(p, at, env), used: true } : { desk, painting: undefined, used: false };
		case 'cancel':
			if (p) p.mask.words.set(p.before.words);
			return { desk: { ...desk, last: undefined }, painting: undefined, used: !!p };
		case 'double':
			return { desk, painting: p, used: true };
	}
}

function keys(d: Desk, p: Painting | undefined, i: Extract<Input, { type: 'key' }>, env: PaintEnv): PaintStep {
	const by = arrow(i);
	if (by) {
		const cross = crossAfter(d.cross, d.last, by, env.picture);
		return { desk: { ...d, cross }, painting: p && stroke(p, cross, env), used: true };
	}
	switch (i.key) {
		case 'Space':
		case 'Enter':
			if (p) return { desk: d, painting: undefined, done: p, used: true };
			if (!d.cross) return { desk: { ...d, cross: crossAfter(undefined, d.last, [0, 0], env.picture) }, painting: p, used: true };
			return begin(d, p, d.cross, !!i.shift, !!i.alt, env);
		case 'Escape':
			if (p) p.mask.words.set(p.before.words);
			return { desk: { ...d, cross: undefined }, painting: undefined, used: !!p || !!d.cross };
	}
	return { desk: d, painting: p, used: false };
}

function begin(desk: Desk, p: Painting | undefined, at: Point, shift: boolean, alt: boolean, env: PaintEnv): PaintStep {
	if (p) return { desk, painting: p, used: true };
	const mask = env.mask(), before = copyMask(mask);
	const fresh: Painting = { item: env.item, frame: env.frame, mask, before, last: at };
	if (env.tool !== 'fill') return { desk, painting: stroke(fresh, at, env), used: true };
	const x = Math.min(mask.columns - 1, Math.floor(at[0])), y = Math.min(mask.rows - 1, Math.floor(at[1])), on = get(mask, x, y);
	const r = region(mask, x, y);
	// A hole is filled; what is open to the border only with shift; what is filled is emptied with alt.
	if (on ? !alt : r.open && !shift) return { desk, painting: undefined, used: true };
	combine(mask, r.mask, on ? 'subtract' : 'union');
	return { desk, painting: undefined, done: fresh, used: true };
}

/** The stroke drawn on to a place. */
function stroke(p: Painting, at: Point, env: PaintEnv): Painting {
	const { sample, range: [low, high], frame } = env;
	const where =
		env.tool === 'threshold'
			? (x: number, y: number): boolean => {
					const v = sample?.(frame, x, y);
					return v !== undefined && v >= low && v <= high;
				}
			: undefined;
	paint(p.mask, p.last, at, env.radius, env.picture.aspect, env.tool !== 'erase', where);
	return { ...p, last: at };
}
