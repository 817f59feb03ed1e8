/** Shapes and what one does to them with the tool at hand, as a pure reducer: same desk and input, same desk. */
import type { Drawn, Point } from '../../api/types';
import type { Board, Input, Placed, ToolName } from '../contract';
import { distance } from '../geometry';
import { drawing } from './draw';
import { apply, type Edit } from './history';
import { hit } from './hit';
import { keyboard } from './keys';
import { pathLength, type Picture } from './plane';
import * as pens from './pen';
import { double, hold, take, type Hold } from './select';
import { redraw } from './warp';

export interface Desk {
	readonly shapes: readonly Placed[];
	readonly pen: pens.Pen | undefined;
	readonly selected: string | undefined;
	/** of the selected shape, that keys move */
	readonly handle: number | undefined;
	readonly hold: Hold | undefined;
	/** the keyboard's pointer */
	readonly cross: Point | undefined;
	/** what counted as near last */
	readonly near: number;
	/** where a pointer was last */
	readonly last: Point | undefined;
	/** releases after a click that finished a shape until which a double click is that one's, and puts no point into a line and takes none away */
	readonly fresh: number;
}

export const emptyDesk: Desk = {
	shapes: [], pen: undefined, selected: undefined, handle: undefined, hold: undefined, cross: undefined, near: 0, last: undefined, fresh: 0,
};

/** What a step depends on beside the desk. */
export interface Env {
	readonly tool: ToolName;
	readonly target: Board['target'];
	readonly frame: number;
	readonly image: number;
	readonly picture: Picture;
	/** for the next new shape */
	readonly id: string;
}

export interface Step {
	readonly desk: Desk;
	/** what is to be kept; the desk has it already */
	readonly edits: readonly Edit[];
	readonly nudge?: string;
	readonly used: boolean;
}

export type Pointer = Extract<Input, { point: Point }>;

export const own = (d: Desk, id: string | undefined): Placed | undefined => d.shapes.find((s) => s.id === id && s.layer === 'own');

export const stay = (desk: Desk, used: boolean): Step => ({ desk, edits: [], used });

/** The desk after edits. */
export function edited(desk: Desk, edits: readonly Edit[], nudge?: string): Step {
	return { desk: { ...desk, shapes: apply(desk.shapes, edits) }, edits, used: true, ...(nudge === undefined ? {} : { nudge }) };
}

/** An edit that gives a shape other points: what the server said of it does not hold any more. */
export function changed(desk: Desk, id: string, shape: Drawn): Edit {
	const at = desk.shapes.findIndex((s) => s.id === id), { label: _, ...before } = desk.shapes[at]!;
	return { at, before: desk.shapes[at], after: { ...before, shape } };
}

export const removed = (desk: Desk, id: string): Edit => {
	const at = desk.shapes.findIndex((s) => s.id === id);
	return { at, before: desk.shapes[at], after: undefined };
};

export function reduce(desk: Desk, i: Input, env: Env): Step {
	if (i.type === 'key') return keyboard(desk, i, env);
	const d = { ...desk, near: i.near, cross: undefined, last: i.point, fresh: i.type === 'up' ? Math.max(0, desk.fresh - 1) : desk.fresh };
	if (env.tool === 'select') return selecting(d, i, env);
	const tool = env.tool in drawing ? drawing[env.tool as Drawn['kind']] : undefined;
	if (!tool) return stay(d, false);
	const s = penned(d, pens.pointer(tool, d.pen, i, env.picture), env);
	return s.edits.length && i.type === 'up' ? { ...s, desk: { ...s.desk, fresh: 2 } } : s;
}

/** The desk after a step of the pen; a finished shape is put on it, and selected. */
export function penned(desk: Desk, s: pens.PenStep, env: Env): Step {
	const next = { ...desk, pen: s.pen };
	if (!s.done) return stay(next, s.used);
	const pen = desk.pen!, near = Math.max(desk.near, 1e-6);
	const old = own(desk, desk.selected);
	if (old && old.shape.kind === pen.kind && old.shape.frame === pen.frame && pen.hand.length && !pen.placed.length && !wholeAnew(old.shape, s.done, near)) {
		const points = redraw(old.shape.points, pen.kind !== 'trace', s.done, near);
		if (points && points.length >= 5 && points.length <= 4096) return edited(next, [changed(desk, old.id, { ...old.shape, points })]);
	}
	const role = env.target?.role;
	const shape: Drawn = { kind: pen.kind, frame: pen.frame, points: s.done, image: env.image, ...(role ? { role } : {}) };
	return edited({ ...next, selected: env.id, handle: undefined }, placing(desk.shapes, shape, env.target, env.id));
}

/** Edits that put a new shape where it answers its item, and take the former one away where there may be one only. */
export function placing(shapes: readonly Placed[], shape: Drawn, target: Board['target'], id: string): Edit[] {
	const { item = '', one } = target ?? {}, { role, frame } = shape;
	const edits: Edit[] = [];
	for (const p of shapes) {
		if (p.layer !== 'own' || p.item !== item || p.shape.role !== role || !(one || role) || (one === 'frame' && p.shape.frame !== frame)) continue;
		edits.push({ at: shapes.indexOf(p) - edits.length, before: p, after: undefined });
	}
	return [...edits, { at: shapes.length - edits.length, before: undefined, after: { id, shape, item, layer: 'own' } }];
}

/** A stroke that goes round once more is a new contour, not a part of the old one. */
const wholeAnew = (old: Drawn, stroke: readonly Point[], near: number): boolean =>
	old.kind !== 'trace' && distance(stroke[0]!, stroke.at(-1)!) <= 2 * near && pathLength(stroke) > pathLength(old.points, true) / 2;

function selecting(d: Desk, i: Pointer, env: Env): Step {
	switch (i.type) {
		case 'down': {
			const h = hit(d.shapes, i.point, i.near, i.frame, d.selected, env.picture, i.alt);
			if (!h) return stay({ ...d, selected: undefined, handle: undefined, hold: undefined }, false);
			const s = own(d, h.id)!;
			return stay({ ...d, selected: h.id, handle: h.handle, hold: take(h, s.shape, i.point, i.alt, env.picture) }, true);
		}
		case 'move': {
			if (!d.hold) return stay(d, false);
			// A hand that trembles while it selects moves nothing.
			const moved = d.hold.moved || distance(d.hold.from, i.point) > i.near / 4;
			return stay({ ...d, hold: { ...d.hold, moved } }, true);
		}
		case 'up': {
			const h = d.hold, done = { ...d, hold: undefined };
			if (!h) return stay(done, false);
			if (!h.moved) return stay(done, true);
			return edited(done, [changed(done, h.id, hold(h, i.point, env.picture))]);
		}
		case 'cancel':
			return stay({ ...d, hold: undefined }, !!d.hold);
		case 'double': {
			if (d.fresh > 0) return stay({ ...d, fresh: 0 }, true);
			const h = hit(d.shapes, i.point, i.near, i.frame, d.selected, env.picture);
			const s = h && own(d, h.id), shape = s && double(h, s.shape, i.point, env.picture);
			if (!shape) return stay(d, !!h);
			return edited({ ...d, handle: undefined }, [changed(d, h.id, shape)]);
		}
	}
}

/** The shapes as they are seen: with the one that is held where it is. */
export function seen(d: Desk, picture: Picture): readonly Placed[] {
	const h = d.hold;
	if (!h?.moved || !d.last) return d.shapes;
	const shape = hold(h, d.last, picture);
	return d.shapes.map((s) => {
		if (s.id !== h.id) return s;
		const { label: _, ...rest } = s;
		return { ...rest, shape };
	});
}

/** The shape that is being drawn. */
export function draft(d: Desk, image: number, picture: Picture): Drawn | undefined {
	if (!d.pen) return undefined;
	return { kind: d.pen.kind, frame: d.pen.frame, image, points: pens.preview(drawing[d.pen.kind], d.pen, picture, d.near) };
}
