/** The board of one image: shapes by the desk's reducer, masks as bits, one history for both. */
import type { Drawn, Image, MaskRuns, Point } from '../api/types';
import type { Board, Change, Input, Placed, PlacedMask, Scene, ToolName, Unsubscribe } from './contract';
import { combine, copyMask, decode, emptyMask, type BitMask } from './masks/bits';
import { between } from './masks/interpolate';
import { fillOutline } from './masks/fill';
import { MaskLayer } from './masks/layer';
import { applyPatch, patch, type MaskPatch } from './masks/patch';
import { strokeTool, type Painting } from './masks/painting';
import { shapeBetween } from './tools/between';
import { changed, draft, emptyDesk, own, placing, reduce, removed, seen, type Desk } from './tools/desk';
import { apply, inverse, nothing, record, type Edit, type Entry } from './tools/history';
import type { Picture } from './tools/plane';
import { outline } from './tools/strokes';

/** Stored value of a pixel, before rescaling; undefined where the frame is not here or has colours. */
export type Sample = (frame: number, x: number, y: number) => number | undefined;

/** Makes the board of an image. sample is what the threshold brush asks for. */
export function createBoard(image: Image, options: { readonly sample?: Sample } = {}): LocalBoard {
	return new LocalBoard(image, options.sample);
}

const isPaint = (t: ToolName): boolean => t === 'brush' || t === 'erase' || t === 'threshold' || t === 'fill';

/** What of the desk is seen. */
const looks = ['shapes', 'pen', 'selected', 'handle', 'hold', 'cross'] as const;

export class LocalBoard implements Board {
	target: Board['target'];
	brush = 12;
	threshold: readonly [number, number] = [0, 65535];

	#tool: ToolName = 'select';
	#frame = 0;
	#desk: Desk = emptyDesk;
	#masks: MaskLayer;
	#painting: Painting | undefined;
	#history = nothing;
	#scene: Scene | undefined;
	#ids = 0;
	readonly #picture: Picture;
	readonly #scenes = new Set<(s: Scene) => void>();
	readonly #changes = new Set<(c: Change) => void>();

	constructor(
		readonly image: Image,
		private readonly sample?: Sample,
	) {
		this.#picture = { rows: image.rows, columns: image.columns, aspect: image.aspect || 1 };
		this.#masks = new MaskLayer(image);
	}

	get tool(): ToolName {
		return this.#tool;
	}

	/** Another tool gives up what is being drawn. */
	set tool(t: ToolName) {
		if (t === this.#tool) return;
		this.#tool = t;
		this.#endStroke();
		this.#desk = { ...this.#desk, pen: undefined, hold: undefined, cross: undefined, handle: undefined };
		this.#show();
	}

	get frame(): number {
		return this.#frame;
	}

	set frame(f: number) {
		if (f === this.#frame) return;
		this.#frame = f;
		this.#endStroke();
		this.#show();
	}

	get scene(): Scene {
		return (this.#scene ??= this.#draw());
	}

	#draw(): Scene {
		const d = this.#desk, at = d.cross ?? d.last;
		return {
			shapes: seen(d, this.#picture),
			masks: this.#masks.placed(),
			draft: draft(d, this.image.number, this.#picture),
			selected: d.selected,
			handle: d.handle,
			cross: d.cross,
			cursor: at && isPaint(this.#tool) && this.#tool !== 'fill' ? { point: at, radius: Math.max(this.brush, 0.5) } : undefined,
		};
	}

	#show(): void {
		this.#scene = undefined;
		for (const f of this.#scenes) f(this.scene);
	}

	#newId(): string {
		for (;;) {
			const id = `${this.image.number}.${++this.#ids}`;
			if (!this.#desk.shapes.some((s) => s.id === id)) return id;
		}
	}

	input(i: Input): boolean {
		if (i.type !== 'key') this.#frame = i.frame;
		const before = this.#desk;
		const used = isPaint(this.#tool) ? this.#paint(i) : this.#reduce(i);
		if (!used && i.type === 'key' && (i.key === 'undo' || i.key === 'redo')) {
			if (i.key === 'undo') this.undo();
			else this.redo();
			return true;
		}
		// A pointer that only passes by draws nothing anew, but for the brush.
		if (used || (isPaint(this.#tool) && i.type !== 'key') || looks.some((k) => before[k] !== this.#desk[k])) this.#show();
		return used;
	}

	#reduce(i: Input): boolean {
		const next = `${this.image.number}.${this.#ids + 1}`;
		const id = this.#desk.shapes.some((s) => s.id === next) ? this.#newId() : next;
		const s = reduce(this.#desk, i, { tool: this.#tool, target: this.target, frame: this.#frame, image: this.image.number, picture: this.#picture, id });
		this.#desk = s.desk;
		if (s.edits.some((e) => e.after?.id === id)) this.#ids++;
		this.#keep({ edits: s.edits, masks: [], nudge: s.nudge });
		return s.used;
	}

	/** Records an entry that the desk and the masks have already, and says so. */
	#keep(e: Entry): void {
		if (!e.edits.length && !e.masks.length) return;
		this.#history = record(this.#history, e);
		this.#tell(e);
	}

	#tell(e: Entry): void {
		for (const { before, after } of e.edits) {
			const gone = before && (!after || after.item !== before.item);
			if (gone) this.#emit({ type: 'removed', id: before.id, item: before.item });
			if (after) this.#emit({ type: 'shape', placed: after });
		}
		for (const m of e.masks) this.#emit({ type: 'mask', mask: this.#masks.snapshot(m.item, m.frame) });
	}

	#emit(c: Change): void {
		for (const f of this.#changes) f(c);
	}

	#paint(i: Input): boolean {
		const item = this.target?.item ?? '';
		const s = strokeTool(this.#desk, this.#painting, i, {
			tool: this.#tool, item, frame: this.#frame, picture: this.#picture, radius: this.brush, range: this.threshold, sample: this.sample,
			mask: () => this.#masks.open(item, this.#frame),
		});
		this.#desk = s.desk;
		this.#painting = s.painting;
		if (s.used) this.#masks.touch(item, this.#frame);
		if (s.done) this.#finished(s.done);
		return s.used;
	}

	#finished(p: Painting): void {
		const made = patch(p.item, p.frame, p.before, p.mask);
		if (made) this.#keep({ edits: [], masks: [made] });
	}

	#endStroke(): void {
		if (this.#painting) this.#finished(this.#painting);
		this.#painting = undefined;
	}

	get canUndo(): boolean {
		return this.#history.done.length > 0 || this.#desk.pen !== undefined;
	}

	get canRedo(): boolean {
		return this.#history.undone.length > 0;
	}

	undo(): void {
		this.#endStroke();
		if (this.#desk.pen) {
			this.input({ type: 'key', key: 'undo' });
			return;
		}
		const e = this.#history.done.at(-1);
		if (!e) return;
		this.#history = { done: this.#history.done.slice(0, -1), undone: [...this.#history.undone, e] };
		this.#play(inverse(e));
	}

	redo(): void {
		const e = this.#history.undone.at(-1);
		if (!e || this.#desk.pen || this.#painting) return;
		this.#history = { done: [...this.#history.done, e], undone: this.#history.undone.slice(0, -1) };
		this.#play(e);
	}

	#play(e: Entry): void {
		const shapes = apply(this.#desk.shapes, e.edits);
		const selected = shapes.some((s) => s.id === this.#desk.selected) ? this.#desk.selected : undefined;
		this.#desk = { ...this.#desk, shapes, selected, handle: selected === undefined ? undefined : this.#desk.handle, hold: undefined };
		for (const m of e.masks) {
			applyPatch(this.#masks.open(m.item, m.frame), m);
			this.#masks.touch(m.item, m.frame);
		}
		this.#tell(e);
		this.#show();
	}

	select(id: string | undefined): void {
		this.#desk = { ...this.#desk, selected: own(this.#desk, id)?.id, handle: undefined, hold: undefined };
		this.#show();
	}

	add(shape: Drawn, target: Board['target']): string {
		const id = this.#newId();
		this.#edit(placing(this.#desk.shapes, { ...shape, image: this.image.number }, target, id));
		return id;
	}

	remove(id: string): void {
		if (!own(this.#desk, id)) return;
		this.#edit([removed(this.#desk, id)]);
	}

	#edit(edits: readonly Edit[], masks: readonly MaskPatch[] = []): void {
		if (!edits.length && !masks.length) return;
		const shapes = apply(this.#desk.shapes, edits);
		const selected = shapes.some((s) => s.id === this.#desk.selected) ? this.#desk.selected : undefined;
		this.#desk = { ...this.#desk, shapes, selected, handle: undefined, hold: undefined };
		this.#keep({ edits, masks });
		this.#show();
	}

	put(shapes: readonly Placed[], masks: readonly PlacedMask[]): void {
		this.#endStroke();
		const mine = (s: readonly Placed[]): string => JSON.stringify(s.filter((p) => p.layer === 'own').map(({ id, item, shape }) => [id, item, shape]));
		const sameMasks = this.#masks.put(masks.filter((m) => m.image === this.image.number));
		if (mine(shapes) !== mine(this.#desk.shapes) || !sameMasks) this.#history = nothing;
		const here = shapes.filter((s) => s.shape.image === this.image.number);
		const stays = here.some((s) => s.id === this.#desk.selected && s.layer === 'own');
		this.#desk = { ...this.#desk, shapes: here, hold: undefined, ...(stays ? {} : { selected: undefined, handle: undefined }) };
		this.#show();
	}

	label(id: string, text: string, size?: Point): void {
		this.#desk = { ...this.#desk, shapes: this.#desk.shapes.map((s) => (s.id === id ? { ...s, label: text, ...(size ? { size } : {}) } : s)) };
		this.#show();
	}

	copy(item: string, from: number, to: number): void {
		if (from === to) return;
		const edits: Edit[] = [];
		let shapes = this.#desk.shapes;
		const add = (e: Edit): void => {
			edits.push(e);
			shapes = apply(shapes, [e]);
		};
		for (const s of this.#mine(item, from)) {
			const there = this.#mine(item, to).find((o) => o.shape.kind === s.shape.kind && o.shape.role === s.shape.role);
			const shape = { ...s.shape, frame: to };
			if (there) add(changed({ ...this.#desk, shapes }, there.id, shape));
			else add({ at: shapes.length, before: undefined, after: { id: this.#newId(), shape, item, layer: 'own' } });
		}
		const m = this.#masks.find(item, from);
		this.#edit(edits, m ? this.#replace(item, [[to, m]]) : []);
	}

	interpolate(item: string, from: number, to: number): void {
		if (from > to) [from, to] = [to, from];
		const edits: Edit[] = [], aspect = this.#picture.aspect;
		const frames = [...new Set(this.#mine(item).map((s) => s.shape.frame))].filter((f) => f >= from && f <= to).sort((a, b) => a - b);
		for (let i = 0; i + 1 < frames.length; i++) {
			const [a, b] = [frames[i]!, frames[i + 1]!];
			const theirs = this.#mine(item, b);
			for (const s of this.#mine(item, a)) {
				const k = theirs.findIndex((o) => o.shape.kind === s.shape.kind && o.shape.role === s.shape.role);
				const [other] = k < 0 ? [] : theirs.splice(k, 1);
				for (let f = a + 1; other && f < b; f++) {
					const shape = shapeBetween(s.shape, other.shape, (f - a) / (b - a), f, aspect);
					if (shape) edits.push({ at: this.#desk.shapes.length + edits.length, before: undefined, after: { id: this.#newId(), shape, item, layer: 'own' } });
				}
			}
		}
		const masks: [number, BitMask][] = [];
		const painted = this.#masks.frames(item).filter((f) => f >= from && f <= to);
		for (let i = 0; i + 1 < painted.length; i++) {
			const [a, b] = [painted[i]!, painted[i + 1]!], gap = Array.from({ length: b - a - 1 }, (_, k) => a + 1 + k);
			const made = between(this.#masks.find(item, a)!, this.#masks.find(item, b)!, gap.map((f) => (f - a) / (b - a)), aspect);
			gap.forEach((f, k) => masks.push([f, made[k]!]));
		}
		this.#edit(edits, this.#replace(item, masks));
	}

	fillShape(id: string, how: 'union' | 'subtract' = 'union'): void {
		const s = own(this.#desk, id), out = s && outline(s.shape);
		if (!out) return;
		const m = copyMask(this.#masks.find(s.item, s.shape.frame) ?? this.#blank());
		fillOutline(m, out, how === 'union');
		this.#edit([], this.#replace(s.item, [[s.shape.frame, m]]));
	}

	combine(item: string, frame: number, mask: MaskRuns, how: 'union' | 'subtract' | 'intersect'): void {
		const m = copyMask(this.#masks.find(item, frame) ?? this.#blank());
		combine(m, decode(mask), how);
		this.#edit([], this.#replace(item, [[frame, m]]));
	}

	#blank(): BitMask {
		return emptyMask(this.image.rows, this.image.columns);
	}

	#mine(item: string, frame?: number): Placed[] {
		return this.#desk.shapes.filter((s) => s.layer === 'own' && s.item === item && (frame === undefined || s.shape.frame === frame));
	}

	/** Puts masks in place of an item's in their frames; the patches of what changed. */
	#replace(item: string, masks: readonly (readonly [number, BitMask])[]): MaskPatch[] {
		const out: MaskPatch[] = [];
		for (const [frame, m] of masks) {
			const old = this.#masks.open(item, frame), made = patch(item, frame, old, m);
			if (!made) continue;
			applyPatch(old, made);
			this.#masks.touch(item, frame);
			out.push(made);
		}
		return out;
	}

	onScene(f: (s: Scene) => void): Unsubscribe {
		this.#scenes.add(f);
		return () => this.#scenes.delete(f);
	}

	onChange(f: (c: Change) => void): Unsubscribe {
		this.#changes.add(f);
		return () => this.#changes.delete(f);
	}
}
