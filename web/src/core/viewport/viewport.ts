import type { Image, Point, VoiWindow } from '../../api/types';
import type { FrameSource, Grey, PlayState, Shown, Unsubscribe, View, Viewport } from '../contract';
import { compose, type Affine } from '../geometry';
import { Painter, type Sheet } from './painter';
import { Player } from './player';
import { autoWindow } from './presets';
import { fullWindow, rescaled } from './lut';
import { colourAt } from './sample';
import { watchSize, type Surface } from './surface';
import { pageTicker, type Ticker } from './ticker';
import { effectiveScale, fitScale, fitted, panned, transformOf, zoomed } from './view';

export interface ViewportOptions {
	readonly ticker?: Ticker;
	/** How large the canvas is: by default what the browser says. Tests have none. */
	readonly surface?: (canvas: HTMLCanvasElement, changed: (s: Surface) => void) => Unsubscribe;
	readonly makeSheet?: (width: number, height: number) => Sheet;
	/** Tells when the page is hidden and shown again. */
	readonly hidden?: (f: (hidden: boolean) => void) => Unsubscribe;
	/** the first frame to show */
	readonly frame?: number;
}

type What = 'frame' | 'wanted' | 'view' | 'grey' | 'play' | 'problem';

/** Shows a source's frames on a canvas. The canvas' size in CSS is the page's affair; its pixels are the viewport's. */
export function makeViewport(canvas: HTMLCanvasElement, source: FrameSource, options: ViewportOptions = {}): Viewport {
	return new CanvasViewport(canvas, source, options);
}

class CanvasViewport implements Viewport {
	#view: View = fitted;
	#grey: Grey = { window: undefined, invert: false };
	#frame = 0;
	#wanted = 0;
	/** the frame that is to be painted next, and the last that was; kept by the source */
	#next: number | undefined;
	#painted = -1;
	#range: VoiWindow | undefined;
	#problem: Error | undefined;
	#surface: Surface = { width: 0, height: 0, ratio: 1 };
	#load: AbortController | undefined;
	#stopClock: Unsubscribe | undefined;
	#closed = false;
	#shown = 0;
	#first = Number.NaN;
	readonly #made: number;
	readonly #player: Player;
	readonly #painter: Painter;
	readonly #ticker: Ticker;
	readonly #listeners: Record<What, Set<() => void>> = { frame: new Set(), wanted: new Set(), view: new Set(), grey: new Set(), play: new Set(), problem: new Set() };
	readonly #ends: Unsubscribe[] = [];
	readonly #paint = () => this.#draw();

	constructor(
		readonly canvas: HTMLCanvasElement,
		readonly source: FrameSource,
		o: ViewportOptions,
	) {
		this.#ticker = o.ticker ?? pageTicker();
		this.#made = this.#ticker.beat.now();
		this.#painter = new Painter(canvas, o.makeSheet);
		this.#frame = this.#wanted = Math.min(Math.max(o.frame ?? 0, 0), source.image.frames - 1);
		this.#player = new Player(source.image.frames, source.image.times_ms, this.#frame);
		this.#ends.push((o.surface ?? watchSize)(canvas, (s) => this.#resize(s)), (o.hidden ?? whenHidden)((hidden) => hidden && this.#player.rest()));
		this.#want(0);
	}

	get frame(): number {
		return this.#frame;
	}
	get wanted(): number {
		return this.#wanted;
	}
	get view(): Readonly<View> {
		return this.#view;
	}
	get grey(): Readonly<Grey> {
		return this.#grey;
	}
	get play(): Readonly<PlayState> {
		return this.#player.state;
	}
	get problem(): Error | undefined {
		return this.#problem;
	}

	/** The image of the frame on the canvas: of a stack, the slice's. */
	get #image(): Image {
		return this.source.at(this.#frame).image;
	}

	get window(): VoiWindow | undefined {
		return this.#windowOf(this.#image);
	}

	show(frame: number): void {
		if (this.#closed || !Number.isFinite(frame)) return;
		const n = Math.min(Math.max(Math.round(frame), 0), this.source.image.frames - 1);
		this.#player.seek(n);
		this.#show(n);
	}

	#show(n: number): void {
		const before = this.#wanted;
		this.#wanted = n;
		if (n !== before) this.#tell('wanted');
		this.#want(Math.sign(n - before) as -1 | 0 | 1);
	}

	/** Fetches what is wanted and paints it as soon as it is here. */
	#want(direction: -1 | 0 | 1): void {
		const n = this.#wanted;
		this.#load?.abort();
		this.#load = undefined;
		if (this.#player.state.playing) this.source.want(n, this.#player.direction, this.#player.state.loop);
		else this.source.want(n, direction);
		if (this.source.peek(n)) {
			this.#next = n;
			this.#fail(undefined);
			this.#dirty();
			return;
		}
		const load = (this.#load = new AbortController());
		this.source.load(n, load.signal).then(
			() => {
				if (load.signal.aborted || this.#closed) return;
				this.#load = undefined;
				this.#next = n;
				this.#fail(undefined);
				this.#dirty();
			},
			(e: unknown) => {
				if (load.signal.aborted || this.#closed) return;
				this.#load = undefined;
				this.#fail(e instanceof Error ? e : new Error(String(e)));
			},
		);
	}

	setView(v: Partial<View>): void {
		this.#view = { ...this.#view, ...v };
		this.#tell('view');
		this.#dirty();
	}

	setGrey(g: Partial<Grey>): void {
		this.#grey = { ...this.#grey, ...g };
		this.#tell('grey');
		this.#dirty();
	}

	setPlay(p: Partial<PlayState>): void {
		if (this.#closed) return;
		const before = this.#player.state;
		const inside = Math.min(Math.max(this.#wanted, Math.min(...(p.loop ?? before.loop))), Math.max(...(p.loop ?? before.loop)));
		this.#player.set(p, (p.playing ?? before.playing) ? inside : this.#wanted);
		const { playing } = this.#player.state;
		if (playing && !this.#stopClock) {
			this.#stopClock = this.#ticker.clock((now) => this.#tick(now));
			this.#load?.abort();
			this.#load = undefined;
		}
		if (!playing) this.#stop();
		this.source.want(this.#wanted, playing ? this.#player.direction : 0, playing ? this.#player.state.loop : undefined);
		if (!playing && before.playing && this.#frame !== this.#wanted) this.#want(0);
		this.#tell('play');
	}

	#tick(now: number): void {
		const n = this.#player.tick(now, (f) => this.source.peek(f) !== undefined);
		if (n === undefined) {
			if (this.#player.waits) this.#await();
			return;
		}
		this.#wanted = this.#next = n;
		this.source.want(n, this.#player.direction, this.#player.state.loop);
		this.#fail(undefined);
		this.#dirty();
		this.#tell('wanted');
	}

	/** While playing waits for frames: asks for the one it stands at, so that a refusal is told. */
	#await(): void {
		if (this.#load || this.#problem) return;
		const load = (this.#load = new AbortController());
		const done = () => {
			if (this.#load === load) this.#load = undefined;
		};
		const n = this.#player.at;
		this.source.want(n, this.#player.direction, this.#player.state.loop);
		this.source.load(n, load.signal).then(done, (e: unknown) => {
			done();
			if (!load.signal.aborted && !this.#closed) this.#fail(e instanceof Error ? e : new Error(String(e)));
		});
	}

	#stop(): void {
		this.#stopClock?.();
		this.#stopClock = undefined;
	}

	zoomAt(screen: Point, factor: number): void {
		this.setView(zoomed(this.#image, this.#view, this.#surface, screen, factor));
	}

	panBy(dx: number, dy: number): void {
		this.setView(panned(this.#image, this.#view, this.#surface, dx, dy));
	}

	transform(): Affine {
		const m = transformOf(this.#image, this.#view, this.#surface);
		// Where image pixels are whole pixels of the screen they lie on these, so that 1:1 shows each as it is.
		const ratio = this.#surface.width > 0 ? this.canvas.width / this.#surface.width : 1;
		const pixels = this.scale() * ratio;
		if (this.#image.aspect !== 1 || pixels < 0.5 || Math.abs(pixels - Math.round(pixels)) > 1e-3) return m;
		return { ...m, e: Math.round(m.e * ratio) / ratio, f: Math.round(m.f * ratio) / ratio };
	}

	scale(): number {
		return effectiveScale(this.#image, this.#view, this.#surface);
	}

	fit(): number {
		return fitScale(this.#image, this.#view, this.#surface);
	}

	value([x, y]: Point): number | readonly [number, number, number] | undefined {
		const { columns, rows } = this.#image;
		const c = Math.floor(x), r = Math.floor(y);
		const f = this.source.peek(this.#frame);
		if (!f || !(c >= 0 && r >= 0 && c < columns && r < rows)) return undefined;
		return f.kind === 'grey' ? rescaled(this.#image, f.samples[r * columns + c]!) : colourAt(f.bitmap, c, r);
	}

	stats(): Shown {
		return { shown: this.#shown, dropped: this.#player.dropped, first: this.#first };
	}

	on(what: What, f: () => void): Unsubscribe {
		this.#listeners[what].add(f);
		return () => this.#listeners[what].delete(f);
	}

	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.#stop();
		this.#load?.abort();
		this.#ticker.forget(this.#paint);
		for (const end of this.#ends) end();
		for (const set of Object.values(this.#listeners)) set.clear();
	}

	#windowOf(image: Image): VoiWindow | undefined {
		if (image.samples !== 1) return undefined;
		if (this.#grey.window) return this.#grey.window;
		if (image.voi_lut) return undefined;
		return image.windows?.[0] ?? (image.bits_stored <= 8 ? fullWindow(image) : this.#range);
	}

	#resize(s: Surface): void {
		this.#surface = s;
		const width = Math.max(1, Math.round(s.pixelWidth ?? s.width * s.ratio)), height = Math.max(1, Math.round(s.pixelHeight ?? s.height * s.ratio));
		if (this.canvas.width !== width || this.canvas.height !== height) {
			this.canvas.width = width;
			this.canvas.height = height;
			this.#painter.clear();
			if (this.#painted >= 0) this.#draw(); // at once: another size empties the canvas, and nobody is to see that
		}
		this.#tell('view');
		this.#dirty();
	}

	#dirty(): void {
		if (!this.#closed) this.#ticker.paint(this.#paint);
	}

	#draw(): void {
		const n = this.#next ?? this.#painted;
		if (n < 0 || this.#surface.width === 0 || this.#surface.height === 0) return;
		const frame = this.source.peek(n);
		if (!frame) {
			// It was let go of since: it is asked for again, and the canvas keeps what it has.
			if (n === this.#wanted && !this.#load && !this.#player.state.playing) this.#want(0);
			return;
		}
		this.#next = undefined;
		const changed = n !== this.#frame || this.#painted < 0;
		this.#frame = n;
		const image = this.#image;
		if (frame.kind === 'grey' && image.bits_stored > 8) this.#range ??= autoWindow(image, frame);
		const { width, height } = this.#surface;
		const toPixels: Affine = { a: this.canvas.width / width, b: 0, c: 0, d: this.canvas.height / height, e: 0, f: 0 };
		this.#painter.paint({ image, frame, window: this.#windowOf(image), invert: this.#grey.invert, view: this.#view,
			transform: compose(toPixels, this.transform()), scale: this.scale() * this.#surface.ratio });
		if (n !== this.#painted) this.#shown++;
		this.#painted = n;
		if (Number.isNaN(this.#first)) this.#first = this.#ticker.beat.now() - this.#made;
		if (changed) this.#tell('frame');
	}

	#fail(e: Error | undefined): void {
		if (this.#problem === e) return;
		this.#problem = e;
		this.#tell('problem');
	}

	#tell(what: What): void {
		for (const f of [...this.#listeners[what]]) f();
	}
}

function whenHidden(f: (hidden: boolean) => void): Unsubscribe {
	const told = () => f(document.hidden);
	document.addEventListener('visibilitychange', told);
	return () => document.removeEventListener('visibilitychange', told);
}
