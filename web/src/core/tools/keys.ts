/** Drawing and changing shapes without a mouse, as steps of the same desk. */
import type { Point } from '../../api/types';
import type { Input } from '../contract';
import { changed, edited, own, penned, removed, stay, type Desk, type Env, type Step } from './desk';
import { drawing } from './draw';
import { handles, insert, moveHandle, withdraw } from './handles';
import * as pens from './pen';
import { inside, middle, plus, same, type Picture } from './plane';
import { shift } from './select';

export type Key = Extract<Input, { type: 'key' }>;

const directions: Readonly<Partial<Record<Key['key'], Point>>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** How far an arrow goes, image pixels: 1, with shift 10, with alt a tenth. Undefined for other keys. */
export function arrow(i: Key): Point | undefined {
	const d = directions[i.key], by = i.shift ? 10 : i.alt ? 0.1 : 1;
	return d && [d[0] * by, d[1] * by];
}

/** Where the keyboard's pointer goes: on from where it is, or where a pointer was, or from the middle; to tenths of a pixel, so that steps there and back cancel. */
export function crossAfter(cross: Point | undefined, last: Point | undefined, by: Point, picture: Picture): Point {
	const from = cross ?? last ?? [picture.columns / 2, picture.rows / 2];
	const round = (x: number): number => Math.round(x * 10) / 10;
	return inside([round(from[0] + by[0]), round(from[1] + by[1])], picture);
}

export function keyboard(d: Desk, i: Key, env: Env): Step {
	if (env.tool === 'select') return choosing(d, i, env);
	const tool = env.tool in drawing ? drawing[env.tool as keyof typeof drawing] : undefined;
	if (!tool) return stay(d, false);
	const act = (desk: Desk, type: 'down' | 'move' | 'up', at: Point): Step =>
		penned(desk, pens.pointer(tool, desk.pen, { type, point: at, near: 0, frame: env.frame, shift: !!i.shift, alt: !!i.alt }, env.picture), env);
	const by = arrow(i);
	if (by) {
		const cross = crossAfter(d.cross, d.last, by, env.picture), desk = { ...d, cross, near: 0 };
		return { ...(desk.pen ? act(desk, 'move', cross) : stay(desk, true)), used: true };
	}
	const press = (cross: Point): Step => {
		if (tool.hand === 'always') return act(d, d.pen?.down ? 'up' : 'down', cross);
		return act(act({ ...d, near: 0 }, 'down', cross).desk, 'up', cross);
	};
	switch (i.key) {
		case 'Space':
			return d.cross ? press(d.cross) : stay({ ...d, cross: crossAfter(undefined, d.last, [0, 0], env.picture) }, true);
		case 'Enter': {
			// As a second click on the same place ends, so does Enter where the last point is.
			const last = d.pen?.placed.at(-1);
			if (d.cross && (!last || d.pen?.down || !same(last, d.cross))) return press(d.cross);
			break;
		}
		case 'Escape':
			if (!d.pen && d.cross) return stay({ ...d, cross: undefined }, true);
			break;
		case 'Delete':
			if (!d.pen && own(d, d.selected)) return edited({ ...d, selected: undefined, handle: undefined }, [removed(d, d.selected!)]);
	}
	return penned(d, pens.key(tool, d.pen, i.key, env.picture), env);
}

function choosing(d: Desk, i: Key, env: Env): Step {
	const s = own(d, d.selected);
	if (i.key === 'Tab') return tab(d, i.shift ? -1 : 1, env);
	if (!s) return stay(d, false);
	const handle = d.handle === undefined ? undefined : handles(s.shape, env.picture)[d.handle];
	const by = arrow(i);
	if (by) {
		if (s.shape.frame !== env.frame) return stay(d, false);
		const points = handle ? moveHandle(s.shape, handle, plus(handle.at, by), env.picture) : shift(s.shape.points, by, env.picture);
		return edited(d, [changed(d, s.id, { ...s.shape, points })], `${s.id} ${d.handle ?? ''}`);
	}
	switch (i.key) {
		case 'Escape':
			return stay(d.hold ? { ...d, hold: undefined } : d.handle !== undefined ? { ...d, handle: undefined } : { ...d, selected: undefined }, true);
		case 'Delete':
			return edited({ ...d, selected: undefined, handle: undefined, hold: undefined }, [removed(d, s.id)]);
		case 'Backspace': {
			const points = handle?.kind === 'vertex' ? withdraw(s.shape, handle.index) : undefined;
			return points ? edited({ ...d, handle: undefined }, [changed(d, s.id, { ...s.shape, points })]) : stay(d, !!handle);
		}
		case 'Space': {
			// A new point halfway to the next one.
			const p = s.shape.points;
			if (handle?.kind !== 'vertex' || handle.index + 1 >= p.length) return stay(d, !!handle);
			const points = insert(s.shape, middle(p[handle.index]!, p[handle.index + 1]!));
			return points ? edited(d, [changed(d, s.id, { ...s.shape, points })]) : stay(d, true);
		}
	}
	return stay(d, false);
}

/** Tab goes through the own shapes of the frame and the handles of each, and on to what follows on the page. */
function tab(d: Desk, by: 1 | -1, env: Env): Step {
	const stops: { id: string; handle: number | undefined }[] = [];
	for (const s of d.shapes) {
		if (s.layer !== 'own' || s.shape.frame !== env.frame) continue;
		stops.push({ id: s.id, handle: undefined });
		handles(s.shape, env.picture).forEach((_, handle) => stops.push({ id: s.id, handle }));
	}
	const here = stops.findIndex((s) => s.id === d.selected && s.handle === d.handle);
	const next = stops[here < 0 ? (by > 0 ? 0 : stops.length - 1) : here + by];
	return stay({ ...d, selected: next?.id, handle: next?.handle, hold: undefined }, !!next);
}
