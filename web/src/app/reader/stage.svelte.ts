import { frame as fetchFrame, measure } from '../../api/client';
import type { Answer, Case, Drawn, Image, Item, ReadingView, Sync, TraceRole } from '../../api/types';
import { createBoard, type LocalBoard } from '../../core/board';
import type { FrameSource, Input, Layer, Place as FramePlace, PlacedMask, Scene, ToolName, Viewport } from '../../core/contract';
import { sampler } from '../../core/frames/pixels';
import { sharing, type Shared } from '../../core/frames/source';
import { GRIDS } from '../../core/layout/grid';
import type { Member } from '../../core/layout/group';
import { hang, type Hung } from '../../core/layout/hanging';
import { displaysOf, findFrame, sourceOf, type Display } from '../../core/stack/series';
import { percentileWindow, presetsOf } from '../../core/viewport/presets';
import { counts } from '../../core/tools/kinds';
import { Drawing } from './drawing';
import { pixelOf, wordings } from './labels';
import { marksOf, neighbour } from './marks';
import { painters } from './painting';
import { placeOf, type Look, type Place } from './place';
import { Preview, type Previewed } from './preview';
import type { Session } from './session.svelte';
import { Team } from './team.svelte';
import { Together } from './together.svelte';
import { label } from './words';

/** A place for a picture. */
export interface Pane {
	/** what it shows: a loop, an image, or a stack of slices; undefined: nothing */
	readonly display: string | undefined;
	/** whose shapes are shown; undefined: all */
	readonly only?: readonly Layer[];
	/** of a side: "A" */
	readonly caption?: string;
}

/** Rows × columns. */
export type Layout = `${number}×${number}`;
export const layouts: readonly Layout[] = GRIDS.map(([r, c]): Layout => `${r}×${c}`);

export const sizeOf = (l: Layout): readonly [rows: number, columns: number] => l.split('×').map(Number) as [number, number];

/** Narrower than this one picture is shown at a time, CSS pixels. */
const NARROW = 800;

/** The pictures of a case, what is drawn on them, and where one looks. */
export class Stage {
	layout = $state<Layout>('1×1');
	panes = $state.raw<readonly Pane[]>([]);
	active = $state(0);
	/** of the active pane's display: from 0 */
	frame = $state(0);
	playing = $state(false);
	speed = $state(1);
	sweep = $state(false);
	loop = $state.raw<readonly [number, number]>([0, 0]);
	readonly together = new Together();
	readonly #hung: Hung;
	/** panes whose pictures have had the study's window */
	readonly #set = new Set<string>();
	tool = $state<ToolName>('select');
	/** item that one is at: number keys and drawing are its */
	item = $state('');
	role = $state<TraceRole>();
	brush = $state(8);
	invert = $state(false);
	canUndo = $state(false);
	canRedo = $state(false);
	/** frames that are here, of how many, of the active image */
	here = $state.raw<readonly [number, number]>([0, 0]);
	/** the others in a reading that is shared */
	readonly team: Team;
	/** arrows move the selected shape or its handle: it was chosen with keys */
	nudging = false;
	/** traces that wait for others, by role: counts changes, for whoever asks the drawing */
	waiting = $state(0);
	/** what the server says of what is being drawn or moved */
	live = $state.raw<{ readonly item: string; readonly of: Previewed }>();

	readonly #shared: Shared;
	readonly #sources = new Map<string, FrameSource>();
	readonly displays: readonly Display[];
	readonly #boards = new Map<number, LocalBoard>();
	readonly #views = new Map<number, Viewport>();
	readonly #preview: Preview;
	readonly drawing: Drawing;
	#ends: (() => void)[] = [];
	#moving: string | undefined;

	constructor(
		readonly session: Session,
		readonly of: Case,
	) {
		this.displays = displaysOf(of);
		const first = this.displays[0]!.id;
		this.team = new Team(session.stream, session.who.name, () => session.reading?.id, (n) => of.images[n - 1]);
		this.#shared = sharing((image, n, signal) => fetchFrame(session.assignment, image, n, signal));
		this.#preview = new Preview((shapes) => measure(session.assignment, shapes));
		this.drawing = new Drawing(session.items, session.answers!);
		this.#ends.push(session.answers!.onChange(() => this.#label()), this.drawing.onLoose(() => this.waiting++));
		this.#hung = hang(this.displays, session.protocol?.hanging);
		const beside = session.beside.filter((r) => /^[AB]$/.test(r.reader));
		if (beside.length === 2 && session.task?.arm === 'preference') {
			// The two sides in the order that was recorded, of the same pictures.
			this.layout = '1×2';
			this.panes = beside.map((r) => ({ display: first, only: [r.reader.toLowerCase() as Layer, 'own', 'live'], caption: r.reader }));
			this.setSync('frame');
			this.together.link('view', true);
		} else if (innerWidth <= NARROW) {
			this.panes = [{ display: first }];
		} else {
			const { grid, sync, linkView, linkWindow } = this.#hung;
			this.layout = `${grid.rows}×${grid.columns}`;
			this.panes = grid.cells.map((display) => ({ display }));
			this.active = Math.max(0, grid.cells.findIndex((c) => c !== undefined));
			this.setSync(sync);
			this.together.link('view', linkView);
			this.together.link('window', linkWindow);
		}
		this.item = session.items[0]?.name ?? '';
		this.loop = [0, this.display.places.length - 1];
		const tool = this.#hung.tool;
		const meant = tool && session.items.find((it) => it.shape === tool || (it.kind === 'mask' && painters.includes(tool)) || (it.kind === 'ejection' && tool === 'trace'));
		if (tool && meant) this.arm(tool, meant.name);
	}

	get images(): readonly Image[] {
		return this.of.images;
	}

	image = (n: number): Image => this.of.images[n - 1]!;

	displayOf(pane: number): Display {
		return this.displays.find((d) => d.id === this.panes[pane]?.display) ?? this.displays[0]!;
	}

	/** what the active pane shows */
	get display(): Display {
		return this.displayOf(this.active);
	}

	/** the frame that the server knows it by */
	get place(): FramePlace {
		const { places } = this.display;
		return places[Math.min(this.frame, places.length - 1)]!;
	}

	/** the image of the frame in the active pane */
	get shown(): Image {
		return this.place.image;
	}

	get look(): Look {
		return { image: this.place.image.number, series: this.place.image.series, frame: this.place.frame };
	}

	get current(): Item | undefined {
		return this.session.items.find((i) => i.name === this.item);
	}

	/** Where an item's answer lies, as one looks now: of an interval it is the loop. */
	placeOf(item: Item): Place {
		if (item.scope !== 'interval') return placeOf(item, this.look);
		const at = (n: number) => this.display.places[n]?.frame ?? 0;
		return placeOf(item, { ...this.look, frame: at(this.loop[0]), to: at(this.loop[1]) });
	}

	get view(): Viewport | undefined {
		return this.#views.get(this.active);
	}

	get board(): LocalBoard {
		return this.boardOf(this.look.image);
	}

	source(d: Display): FrameSource {
		let s = this.#sources.get(d.id);
		if (!s) this.#sources.set(d.id, (s = sourceOf(d, this.#shared)));
		return s;
	}

	readonly #samplers = new Map<string, ReturnType<typeof sampler>>();
	#sampler(d: Display): ReturnType<typeof sampler> {
		let s = this.#samplers.get(d.id);
		if (!s) this.#samplers.set(d.id, (s = sampler(this.source(d))));
		return s;
	}

	boardOf(image: number): LocalBoard {
		let b = this.#boards.get(image);
		if (b) return b;
		const im = this.image(image);
		b = createBoard(im, {
			sample: (frame, x, y) => {
				const at = findFrame(this.displays, image, frame);
				return at && this.#sampler(at.display)(at.frame, x, y);
			},
		});
		this.#boards.set(image, b);
		const { shapes, masks } = this.drawing.on(image, this.#beside());
		b.put(shapes, masks);
		b.tool = this.session.locked ? 'select' : this.tool;
		b.brush = this.brush;
		this.#aim();
		b.onChange((c) => {
			if (this.session.locked) return;
			const elsewhere = this.drawing.take(image, c);
			if (elsewhere) for (const [n] of this.#boards) if (n !== image) this.refresh(n);
			if (c.type !== 'shape') return;
			this.#ask(c.placed.item, c.placed.shape, c.placed.id);
			// One shape is what was asked for: the next press is not to take its place.
			if (this.tool !== 'select') queueMicrotask(() => this.arm('select'));
		});
		b.onScene((s) => this.#scene(image, s));
		this.#label();
		return b;
	}

	/** readers whose drawings are hidden for now, by letter */
	#hidden: ReadonlySet<string> = new Set();

	/** Hides the drawings of some of those beside, and shows the others'. */
	hide(readers: ReadonlySet<string>) {
		this.#hidden = readers;
		this.refreshAll();
	}

	#beside(): readonly ReadingView[] {
		return this.session.beside.filter((r) => !this.#hidden.has(r.reader));
	}

	/** Puts what the answers say on an image's board: after a conflict, or when a shape of another image took its place. */
	refresh(image: number) {
		const { shapes, masks } = this.drawing.on(image, this.#beside());
		this.#boards.get(image)?.put(shapes, masks);
		this.#label();
	}

	refreshAll() {
		for (const n of this.#boards.keys()) this.refresh(n);
	}

	#scene(image: number, s: Scene) {
		if (image === this.look.image) {
			const b = this.boardOf(image);
			this.canUndo = b.canUndo;
			this.canRedo = b.canRedo;
		}
		const item = this.current;
		if (s.draft && item) this.#ask(item.name, s.draft);
		this.team.draw({ image, frame: s.draft?.frame ?? this.look.frame, item: this.item }, s.draft);
		const held = s.shapes.find((p) => p.id === s.selected);
		// While a handle is held the board has taken the label away.
		if (held && !s.draft && held.label === undefined && held.layer === 'own' && held.id !== this.#moving) this.#ask(held.item, held.shape, held.id);
	}

	/** Asks for numbers of what is not kept yet. */
	#ask(item: string, shape: Drawn, id?: string) {
		const it = this.session.items.find((i) => i.name === item);
		if ((it?.kind !== 'measurement' && it?.kind !== 'ejection') || shape.points.length < counts[shape.kind][0]) return;
		const value = it.kind === 'ejection' ? 'volume (discs)' : it.value;
		const { role: _role, ...plain } = shape;
		this.#preview.measure([plain], (of) => {
			this.live = { item, of };
			if (!id || !('results' in of) || !of.results[0]) return;
			this.#moving = id;
			for (const b of this.#boards.values()) if (b.scene.shapes.some((s) => s.id === id && s.label === undefined)) b.label(id, label(of.results[0], value), pixelOf(of.results[0]));
			this.#moving = undefined;
		});
	}

	/** Writes the server's numbers beside shapes. */
	#label() {
		const { items, beside } = this.session;
		for (const w of wordings(items, this.session.answers!.kept(), beside, (p, role) => this.drawing.idOf(p, role))) {
			const b = this.#boards.get(w.image), has = b?.scene.shapes.find((p) => p.id === w.id);
			if (has && has.label !== w.text) b!.label(w.id, w.text, w.pixel);
		}
	}

	/** A pane's picture is there. */
	attach(pane: number, v: Viewport): () => void {
		this.#views.set(pane, v);
		v.on('frame', () => this.#moved(pane, v));
		v.on('play', () => pane === this.active && this.#follow(v));
		v.on('grey', () => pane === this.active && (this.invert = v.grey.invert));
		v.source.onProgress((here, of) => pane === this.active && (this.here = [here, of]));
		const m: Member = { viewport: v, display: this.displayOf(pane) };
		const off = this.together.add(pane, m);
		this.#begin(m);
		if (pane === this.active) this.#sync(v);
		this.together.align(this.active, pane);
		return off;
	}

	/** The study's window, and whether loops run at first. */
	#begin({ viewport: v, display: d }: Member) {
		const { window, play } = this.#hung;
		if (this.#set.has(d.id)) return;
		this.#set.add(d.id);
		if (window === 'auto') {
			void v.source.load(v.wanted).then((f) => v.setGrey({ window: percentileWindow(d.image, f) }), () => undefined);
		} else if (window) {
			const p = presetsOf(d.image).find((x) => x.name.toLowerCase() === window);
			if (p) v.setGrey({ window: p.window });
		}
		if (play && d.places.length > 1 && !d.stack) v.setPlay({ playing: true });
	}

	setSync(s: Sync) {
		this.together.setSync(s, this.active);
	}

	detach(pane: number, v: Viewport) {
		if (this.#views.get(pane) === v) this.#views.delete(pane);
	}

	#moved(pane: number, v: Viewport) {
		const at = v.source.at(v.frame);
		this.boardOf(at.image.number).frame = at.frame;
		if (pane !== this.active) return;
		this.frame = v.frame;
		const b = this.board;
		this.canUndo = b.canUndo;
		this.canRedo = b.canRedo;
	}

	#follow(v: Viewport) {
		({ playing: this.playing, speed: this.speed, sweep: this.sweep, loop: this.loop } = v.play);
	}

	#sync(v: Viewport) {
		this.frame = v.frame;
		this.invert = v.grey.invert;
		this.#follow(v);
		const b = this.board;
		b.frame = this.look.frame;
		this.canUndo = b.canUndo;
		this.canRedo = b.canRedo;
	}

	activate(pane: number) {
		if (pane === this.active) return;
		this.view?.setPlay({ playing: false });
		this.active = pane;
		const v = this.view;
		if (v) this.#sync(v);
	}

	setLayout(l: Layout) {
		const [rows, columns] = sizeOf(l), n = rows * columns, first = this.displays.indexOf(this.display);
		this.layout = l;
		this.panes = Array.from({ length: n }, (_, i) => this.panes[i] ?? { display: this.displays[(first + i) % this.displays.length]!.id });
		// Stacks of one patient move together where they are seen together.
		if (n > 1 && this.together.sync === 'none' && this.displays.filter((d) => d.stack && d.places.length > 1).length > 1) this.setSync('position');
		if (this.active >= n) this.activate(0);
	}

	/** Shows an image, and a frame of it, in the active pane. */
	show(image: number, frame?: number) {
		const here = findFrame([this.display], image, frame ?? 0);
		if (here && frame === undefined && this.look.image === image) return;
		const at = here ?? findFrame(this.displays, image, frame ?? 0);
		if (at) this.open(at.display, at.frame);
	}

	/** Shows a display, and a frame of it, in the active pane. */
	open(d: Display, frame?: number) {
		this.view?.setPlay({ playing: false });
		if (d.id === this.display.id) {
			if (frame !== undefined) this.view?.show(frame);
			return;
		}
		this.panes = this.panes.map((p, i) => (i === this.active ? { ...p, display: d.id } : p));
		this.frame = frame ?? 0;
		this.loop = [0, d.places.length - 1];
		this.starts.set(this.active, this.frame);
	}

	/** Goes to the display after or before. */
	turn(by: 1 | -1) {
		const d = this.displays[this.displays.indexOf(this.display) + by];
		if (d) this.open(d);
	}

	/** frames that panes begin with when they get another image */
	readonly starts = new Map<number, number>();

	step(by: number) {
		const v = this.view;
		if (!v) return;
		if (v.play.playing) v.setPlay({ playing: false });
		v.show(v.wanted + by);
	}

	toggle() {
		const v = this.view;
		if (v && v.source.image.frames > 1) v.setPlay({ playing: !v.play.playing });
	}

	loopFrom() {
		const v = this.view;
		v?.setPlay({ loop: [v.frame, Math.max(v.frame, this.loop[1])] });
	}

	loopTo() {
		const v = this.view;
		v?.setPlay({ loop: [Math.min(v.frame, this.loop[0]), v.frame] });
	}

	rotate() {
		const v = this.view;
		v?.setView({ rotation: ((v.view.rotation + 90) % 360) as 0 | 90 | 180 | 270 });
	}

	/** Goes to the next marked frame, or the one before. */
	toMark(by: 1 | -1) {
		const to = neighbour(marksOf(this.display.places, this.session.items, this.session.list), this.frame, by);
		if (to !== undefined) this.open(this.display, to);
	}

	/** Arms a tool for an item. */
	arm(tool: ToolName, item?: string, role?: TraceRole) {
		if (this.session.locked) tool = 'select';
		this.nudging = false;
		this.tool = tool;
		if (item) this.item = item;
		this.role = role;
		this.live = undefined;
		this.#preview.drop();
		for (const b of this.#boards.values()) {
			b.tool = tool;
			b.brush = this.brush;
		}
		this.#aim();
	}

	/** Puts the focus on the active picture: keys draw there then. */
	focus() {
		document.querySelector<HTMLElement>(`[data-pane="${this.active}"]`)?.focus({ preventScroll: true });
	}

	/** Begins to draw what an item asks for. */
	draw(item: Item, role?: TraceRole) {
		this.view?.setPlay({ playing: false });
		this.arm(item.kind === 'ejection' ? 'trace' : (item.shape ?? 'select'), item.name, role);
		this.focus();
	}

	paint(item: Item, tool: ToolName) {
		this.view?.setPlay({ playing: false });
		this.arm(tool, item.name);
		this.focus();
	}

	/** The first thing that an item wants: drawing, a frame, or its first field. */
	act(item: Item) {
		if (this.session.locked) return;
		this.choose(item.name);
		if (item.kind === 'measurement') this.draw(item);
		else if (item.kind === 'ejection') {
			const p = this.placeOf(item);
			const there = this.drawing.loose(p).length ? this.drawing.loose(p) : (this.session.at(p)?.answer?.shapes ?? []);
			this.draw(item, (['a4c_ed', 'a4c_es', 'a2c_ed', 'a2c_es'] as const).find((r) => !there.some((s) => s.role === r)) ?? 'a4c_ed');
		} else if (item.kind === 'mask') this.paint(item, 'brush');
		else if (item.kind === 'frame') this.takeFrame(item);
		else document.querySelector<HTMLElement>(`#item-${item.name} :is(input, textarea)`)?.focus();
	}

	takeFrame(item: Item) {
		this.session.put(this.placeOf(item), { number: this.look.frame });
	}

	/** Takes over what somebody else answered, as one's own. */
	agree(item: Item, a: Answer) {
		const p = this.placeOf(item);
		if (a.shapes) this.session.put(p, { shapes: a.shapes });
		else if (a.mask) this.session.put({ ...p, frame: a.frame ?? 0 }, { mask: a.mask });
		else if (a.number !== undefined) this.session.put(p, { number: a.number });
		else if (a.text) this.session.put(p, { text: a.text });
		else if (a.choice) this.session.put(p, { choice: a.choice });
		this.refreshAll();
	}

	settle(p: Place, which: 'mine' | 'theirs') {
		this.session.answers!.settle(p, which);
		this.refreshAll();
	}

	revert(p: Place) {
		this.session.answers!.revert(p);
		this.refreshAll();
	}

	/** Shows where an answer lies. */
	goTo(a: Answer) {
		const s = a.shapes?.[0];
		if (s) this.show(s.image, s.frame);
		else if (a.image) this.show(a.image, a.to ? a.frame : (a.frame ?? a.number));
	}

	/** Copies what an item has in this frame to the next, and goes there; of a stack that can be another image. */
	copyOn(item: Item) {
		const here = this.place, next = this.display.places[this.frame + 1];
		if (!next) return;
		if (next.image === here.image) this.board.copy(item.name, here.frame, next.frame);
		else {
			const m = this.masks(item.name).find((x) => x.frame === here.frame);
			if (m) this.boardOf(next.image.number).combine(item.name, next.frame, m.mask, 'union');
		}
		this.step(1);
	}

	/** Empties a mask. */
	clear(p: Place) {
		const m = this.masks(p.item).find((x) => x.frame === p.frame);
		if (m) this.board.combine(p.item, p.frame, m.mask, 'subtract');
	}

	#aim() {
		const it = this.current;
		const one = it?.scope === 'frame' ? ('frame' as const) : ('image' as const);
		for (const b of this.#boards.values()) b.target = it ? { item: it.name, one, ...(this.role ? { role: this.role } : {}) } : undefined;
	}

	choose(item: string) {
		if (item === this.item) return;
		this.item = item;
		this.arm('select');
	}

	setBrush(px: number) {
		this.brush = Math.max(1, Math.min(128, px));
		for (const b of this.#boards.values()) b.brush = this.brush;
	}

	setThreshold(range: readonly [number, number]) {
		for (const b of this.#boards.values()) b.threshold = range;
	}

	/** Gives a key to the board. True: it took it. */
	key(key: Extract<Input, { type: 'key' }>['key'], shift = false, alt = false): boolean {
		const b = this.board;
		b.frame = this.look.frame;
		if (this.session.locked || !b.input({ type: 'key', key, shift, alt })) return false;
		if (key === 'Tab') this.nudging = b.scene.selected !== undefined;
		return true;
	}

	undo() {
		this.board.undo();
	}

	redo() {
		this.board.redo();
	}

	/** Takes a place's shape away. */
	drop(image: number, id: string) {
		this.boardOf(image).remove(id);
	}

	/** Own masks of an item on the shown image. */
	masks(item: string): PlacedMask[] {
		return this.board.scene.masks.filter((m) => m.item === item && m.layer === 'own');
	}

	close() {
		for (const f of this.#ends) f();
		this.#preview.drop();
		this.team.close();
		for (const s of this.#sources.values()) s.close();
	}
}
