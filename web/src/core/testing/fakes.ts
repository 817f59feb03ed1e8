/** Stand-ins for the browser in tests: a clock, a canvas that notes what is drawn, a server whose answers the test gives. */
import type { Image } from '../../api/types';
import type { Codec } from '../frames/decode';
import { Memory } from '../frames/memory';
import { Requests } from '../frames/requests';
import { sharing, type Shared } from '../frames/source';
import { Ticker, type Beat } from '../viewport/ticker';

/** A grey image of 8 bits, 4 × 3, of 10 frames. */
export const image = (o: Partial<Image> = {}): Image => ({
	number: 1, series: 1, rows: 3, columns: 4, frames: 10, samples: 1, bits: 8, bits_stored: 8, signed: false, inverse: false, aspect: 1, ...o,
});

/** Lets promises that can end end. */
export const settle = async (): Promise<void> => {
	for (let i = 0; i < 20; i++) await Promise.resolve();
};

export const codec: Codec = {
	jpeg: (b) => Promise.resolve({ width: 4, height: 3, size: b.size, close() {} } as unknown as ImageBitmap),
	bitmap: (rgba, width, height) => Promise.resolve({ width, height, data: rgba } as unknown as ImageBitmap),
	pixels: (b) => new Uint8ClampedArray(b.width * b.height * 4).map((_, i) => i >> 2),
};

export interface Asked {
	readonly image: number;
	readonly n: number;
	readonly signal: AbortSignal;
	answer(data?: ArrayBuffer | Blob): Promise<void>;
	refuse(e: unknown): Promise<void>;
}

/** A server that answers when the test says so. */
export class Server {
	readonly asked: Asked[] = [];
	readonly waits: number[] = [];
	readonly shared: Shared;

	constructor(o: { limit?: number; parallel?: number; tries?: number; immediate?: boolean } = {}) {
		const requests = new Requests({
			...(o.parallel ? { parallel: o.parallel } : {}),
			...(o.tries ? { tries: o.tries } : {}),
			chance: () => 0.5,
			sleep: (ms) => {
				this.waits.push(ms);
				return Promise.resolve();
			},
		});
		this.shared = sharing(
			(image, n, signal) =>
				new Promise((resolve, reject) => {
					signal.addEventListener('abort', () => reject(signal.reason as Error));
					const bytes = (image.rows * image.columns * image.samples * image.bits) / 8;
					const a: Asked = {
						image: image.number, n, signal,
						answer: (data) => (resolve(data ?? new Uint8Array(bytes).fill(n).buffer), settle()),
						refuse: (e) => (reject(e as Error), settle()),
					};
					this.asked.push(a);
					if (o.immediate) void a.answer();
				}),
			{ memory: new Memory(o.limit), requests, codec },
		);
	}

	/** The request for a frame that is under way. */
	of(n: number): Asked {
		const a = this.asked.filter((x) => x.n === n && !x.signal.aborted).at(-1);
		if (!a) throw new Error(`frame ${n} was not asked for, but ${this.asked.map((x) => x.n).join()}`);
		return a;
	}

	get numbers(): number[] {
		return this.asked.map((a) => a.n);
	}
}

/** A clock that goes on when the test says so, painting a picture each time. */
export class Clock implements Beat {
	time = 0;
	#id = 0;
	#todo = new Map<number, (now: number) => void>();
	readonly ticker = new Ticker(this);

	now(): number {
		return this.time;
	}
	request(f: (now: number) => void): number {
		this.#todo.set(++this.#id, f);
		return this.#id;
	}
	cancel(id: number): void {
		this.#todo.delete(id);
	}
	get idle(): boolean {
		return this.#todo.size === 0;
	}
	/** One picture, after so many ms. */
	async beat(ms = 1000 / 60): Promise<void> {
		await settle(); // answers that are here
		this.time += ms;
		const todo = [...this.#todo.values()];
		this.#todo.clear();
		for (const f of todo) f(this.time);
		await settle();
	}
}

/** A canvas that notes what is done to it. */
export class Canvas {
	width = 300;
	height = 150;
	readonly calls: string[] = [];
	/** words that were last put */
	put: Uint32Array | undefined;
	readonly ctx: Record<string, unknown>;

	constructor(width = 300, height = 150) {
		this.width = width;
		this.height = height;
		const note = (name: string) => (...args: unknown[]) => void this.calls.push(`${name} ${args.map((a) => (typeof a === 'number' ? Math.round(a * 1000) / 1000 : '*')).join(' ')}`);
		this.ctx = {
			setTransform: note('transform'),
			fillRect: note('fill'),
			drawImage: note('draw'),
			createImageData: (w: number, h: number) => ({ width: w, height: h, data: new Uint8ClampedArray(4 * w * h) }),
			putImageData: (d: ImageData) => {
				this.put = new Uint32Array(d.data.buffer.slice(0));
				this.calls.push('put');
			},
		};
	}
	getContext(): unknown {
		return this.ctx;
	}
}
