import type { Image } from '../../api/types';
import type { Frame, FrameSource, Place, Unsubscribe } from '../contract';
import { browserCodec, decode, frameBytes, type Codec } from './decode';
import { Memory, type Holder } from './memory';
import { Requests, type Client } from './requests';
import { need, type Look } from './ring';

/** Asks the server for a frame: `api.frame` with the assignment. */
export type Fetch = (image: Image, n: number, signal: AbortSignal) => Promise<Blob | ArrayBuffer>;

/** What all sources of a page share. */
export interface Shared {
	readonly fetch: Fetch;
	readonly memory: Memory;
	readonly requests: Requests;
	readonly codec: Codec;
}

/** What the sources of a page share: a bound of memory and the requests under way. */
export function sharing(fetch: Fetch, o: Partial<Omit<Shared, 'fetch'>> = {}): Shared {
	return { fetch, memory: o.memory ?? new Memory(), requests: o.requests ?? new Requests(), codec: o.codec ?? browserCodec };
}

/** Frames of one image. */
export function framesOf(image: Image, shared: Shared): FrameSource {
	return new Source(image, Array.from({ length: image.frames }, (_, frame) => placeOf(image, frame)), shared);
}

/** A frame of an image, with the frame's own rescaling. */
export function placeOf(image: Image, frame: number): Place {
	const rescale = image.rescales?.[frame];
	return { image: rescale ? { ...image, rescale } : image, frame };
}

/** Slices of a stack, in their order. They have the size of the first. */
export function slicesOf(places: readonly Place[], shared: Shared): FrameSource {
	const first = places[0];
	if (!first) throw new Error('A stack without slices.');
	const { times_ms: _times, marks: _marks, ...image } = first.image;
	return new Source({ ...image, frames: places.length }, places, shared);
}

interface Waiting {
	resolve(f: Frame): void;
	reject(e: Error): void;
}

class Source implements FrameSource, Holder, Client {
	readonly #frames = new Map<number, Frame>();
	readonly #waiting = new Map<number, Set<Waiting>>();
	readonly #busy = new Set<number>();
	readonly #failed = new Set<number>();
	readonly #listeners = new Set<(here: number, of: number) => void>();
	#look: Look;
	/** the server refuses: nothing is fetched ahead until it gives a frame again */
	#refused = false;
	#begun = false;
	#closed = false;

	constructor(
		readonly image: Image,
		readonly places: readonly Place[],
		readonly shared: Shared,
	) {
		this.#look = { n: 0, direction: 0, from: 0, to: places.length - 1 };
		shared.memory.open(this);
		shared.requests.open(this);
	}

	at(n: number): Place {
		const p = this.places[n];
		if (!p) throw new RangeError(`There is no frame ${n} of ${this.places.length}.`);
		return p;
	}

	peek(n: number): Frame | undefined {
		const f = this.#frames.get(n);
		if (f) this.shared.memory.touch(this, n);
		return f;
	}

	load(n: number, signal?: AbortSignal): Promise<Frame> {
		if (this.#closed) return Promise.reject(new Error('The image was closed.'));
		if (!this.places[n]) return Promise.reject(new RangeError(`There is no frame ${n} of ${this.places.length}.`));
		if (signal?.aborted) return Promise.reject(signal.reason as Error);
		const here = this.peek(n);
		if (here) return Promise.resolve(here);
		this.#failed.delete(n);
		return new Promise((resolve, reject) => {
			const waiting = this.#waiting.get(n) ?? new Set();
			this.#waiting.set(n, waiting);
			const stop = () => {
				waiting.delete(w);
				if (waiting.size === 0) this.#waiting.delete(n);
				reject(signal!.reason as Error);
				this.shared.requests.pump();
			};
			const w: Waiting = {
				resolve: (f) => {
					signal?.removeEventListener('abort', stop);
					resolve(f);
				},
				reject: (e) => {
					signal?.removeEventListener('abort', stop);
					reject(e);
				},
			};
			waiting.add(w);
			signal?.addEventListener('abort', stop, { once: true });
			this.shared.requests.pump();
		});
	}

	want(n: number, direction: -1 | 0 | 1, within?: readonly [number, number]): void {
		const last = this.places.length - 1;
		const from = Math.min(Math.max(0, within?.[0] ?? 0), last);
		const to = Math.max(from, Math.min(within?.[1] ?? last, last));
		this.#look = { n, direction, from, to };
		if (!this.#closed) this.shared.requests.pump();
	}

	onProgress(f: (here: number, of: number) => void): Unsubscribe {
		this.#listeners.add(f);
		f(this.#frames.size, this.places.length);
		return () => this.#listeners.delete(f);
	}

	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.shared.requests.close(this);
		this.shared.memory.close(this);
		for (const f of this.#frames.values()) release(f);
		this.#frames.clear();
		for (const waiting of this.#waiting.values()) for (const w of waiting) w.reject(new Error('The image was closed.'));
		this.#waiting.clear();
		this.#listeners.clear();
	}

	// Holder

	rank(n: number): number {
		return need(n, this.#look, this.places.length, this.#room());
	}

	drop(n: number): void {
		const f = this.#frames.get(n);
		if (!f) return;
		this.#frames.delete(n);
		release(f);
		this.#tell();
	}

	// Client

	next(): { n: number; rank: number } | undefined {
		for (const n of this.#waiting.keys()) if (!this.#busy.has(n)) return { n, rank: -1 };
		// Nothing is fetched ahead before the first picture is there, which it would make later.
		if (this.#refused || (!this.#begun && this.#busy.size > 0)) return undefined;
		let best: { n: number; rank: number } | undefined;
		const room = this.#room();
		for (let n = 0; n < this.places.length; n++) {
			if (this.#frames.has(n) || this.#busy.has(n) || this.#failed.has(n)) continue;
			const rank = need(n, this.#look, this.places.length, room);
			if (rank < (best?.rank ?? Infinity)) best = { n, rank };
		}
		return best;
	}

	urgency(n: number): number {
		return this.#waiting.has(n) ? -1 : this.#closed ? Infinity : this.rank(n);
	}

	given(n: number): void {
		this.#busy.delete(n);
	}

	async fetch(n: number, signal: AbortSignal): Promise<void> {
		this.#busy.add(n);
		const { image, frame } = this.at(n);
		const data = await this.shared.fetch(image, frame, signal);
		const f = await decode(image, data, this.shared.codec);
		if (signal.aborted) {
			release(f);
			return;
		}
		this.#busy.delete(n);
		this.#refused = false;
		this.#begun = true;
		const waiting = this.#waiting.get(n);
		this.#waiting.delete(n);
		if (this.shared.memory.keep(this, n, frameBytes(image))) this.#frames.set(n, f);
		else if (!waiting) release(f); // who waited for it has it, and nobody else
		for (const w of waiting ?? []) w.resolve(f);
		this.#tell();
	}

	failed(n: number, error: Error): void {
		this.#busy.delete(n);
		this.#failed.add(n);
		this.#begun = true;
		if ('status' in error) this.#refused = true;
		const waiting = this.#waiting.get(n);
		this.#waiting.delete(n);
		for (const w of waiting ?? []) w.reject(error);
	}

	/** Frames that are kept around where one looks. */
	#room(): number {
		return Math.max(1, Math.floor(this.shared.memory.share / frameBytes(this.image)));
	}

	#tell(): void {
		for (const f of this.#listeners) f(this.#frames.size, this.places.length);
	}
}

function release(f: Frame): void {
	if (f.kind === 'colour' && 'close' in f.bitmap) f.bitmap.close();
}
