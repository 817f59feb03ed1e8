/**
 * A picture of depth over time along a line, made of a cine's frames (anatomical M-mode). It is a picture only: what is measured in it goes to
 * the server as image points and frames.
 */
import type { Drawn, Point } from '../../api/types';
import type { FrameSource } from '../contract';
import type { Codec } from '../frames/decode';
import { pixelsOf, type Pixels } from '../frames/pixels';
import { mix } from '../tools/plane';

export interface MModeOptions {
	/** the line in image space: its first end is the picture's top */
	readonly line: readonly [Point, Point];
	readonly frames: number;
	/** since the first frame; without them frames are equally wide */
	readonly times?: readonly number[] | undefined;
	/** columns of the picture */
	readonly width: number;
	/** height over width of a pixel of the frames */
	readonly aspect?: number;
	/** of grey samples: what is shown of them, 0 to 255 */
	readonly tone?: (v: number) => number;
}

export class MMode {
	readonly width: number;
	/** rows: one a width of an image pixel along the line */
	readonly height: number;
	/** red, green, blue, alpha; transparent where the frame is not here yet */
	readonly data: Uint8ClampedArray<ArrayBuffer>;
	readonly #from: number[]; // first column of each frame, and the end

	constructor(private readonly o: MModeOptions) {
		const { line: [a, b], frames, times, aspect = 1 } = o;
		this.width = Math.max(1, Math.round(o.width));
		this.height = Math.max(1, Math.ceil(Math.hypot(b[0] - a[0], (b[1] - a[1]) * aspect)));
		this.data = new Uint8ClampedArray(this.width * this.height * 4);
		// A frame is shown from half way to it until half way to the next.
		const t = times && times.length === frames && frames > 1 && times.at(-1)! > times[0]! ? times : Array.from({ length: frames }, (_, i) => i);
		const first = frames > 1 ? t[0]! - (t[1]! - t[0]!) / 2 : -0.5;
		const last = frames > 1 ? t[frames - 1]! + (t[frames - 1]! - t[frames - 2]!) / 2 : 0.5;
		const column = (ms: number): number => Math.round(((ms - first) / (last - first)) * this.width);
		this.#from = [0, ...Array.from({ length: frames - 1 }, (_, i) => column((t[i]! + t[i + 1]!) / 2)), this.width];
	}

	/** Puts a frame where it belongs. */
	add(frame: number, p: Pixels): void {
		const x0 = this.#from[frame], x1 = this.#from[frame + 1];
		if (x0 === undefined || x1 === undefined) return;
		const tone = this.o.tone ?? ((v: number) => v);
		for (let y = 0; y < this.height; y++) {
			const [px, py] = this.#along(y + 0.5);
			for (let k = 0; k < 4; k++) {
				const v = k === 3 ? 255 : p.channels === 4 ? bilinear(p, px, py, k) : k === 0 ? tone(bilinear(p, px, py, 0)) : this.data[(y * this.width + x0) * 4]!;
				for (let x = x0; x < x1; x++) this.data[(y * this.width + x) * 4 + k] = v;
			}
		}
	}

	#along(row: number): Point {
		return mix(this.o.line[0], this.o.line[1], Math.min(1, Math.max(0, row / this.height)));
	}

	/** Frame and image point of a place in the picture. */
	at([x, y]: Point): { frame: number; point: Point } {
		let frame = 0;
		while (frame + 1 < this.o.frames && this.#from[frame + 1]! <= x) frame++;
		return { frame, point: this.#along(y) };
	}

	/** The columns of a frame: from, to before. */
	columnsOf(frame: number): readonly [number, number] {
		return [this.#from[frame] ?? 0, this.#from[frame + 1] ?? this.width];
	}

	/** What the server measures for a caliper from one place of the picture to another; undefined where both are of one frame. */
	caliper(p: Point, q: Point, image: number): Drawn | undefined {
		const [a, b] = p[0] <= q[0] ? [this.at(p), this.at(q)] : [this.at(q), this.at(p)];
		return a.frame === b.frame ? undefined : { kind: 'caliper', image, frame: a.frame, to: b.frame, points: [a.point, b.point] };
	}
}

/** The sample at an image point, between the middles of the four pixels around; at the border that of the border. */
export function bilinear(p: Pixels, x: number, y: number, channel: number): number {
	const u = Math.min(p.columns - 1, Math.max(0, x - 0.5)), v = Math.min(p.rows - 1, Math.max(0, y - 0.5));
	const i = Math.min(p.columns - 1, Math.floor(u)), j = Math.min(p.rows - 1, Math.floor(v)), a = u - i, b = v - j;
	const at = (c: number, r: number): number => p.data[(Math.min(r, p.rows - 1) * p.columns + Math.min(c, p.columns - 1)) * p.channels + channel]!;
	return (1 - b) * ((1 - a) * at(i, j) + a * at(i + 1, j)) + b * ((1 - a) * at(i, j + 1) + a * at(i + 1, j + 1));
}

/** Loads a cine's frames one after the other into a picture; says after each how far it is. Rejects as the source does. */
export async function fill(m: MMode, source: Pick<FrameSource, 'load' | 'image'>, onFrame: (here: number) => void, signal?: AbortSignal, codec?: Pick<Codec, 'pixels'>): Promise<void> {
	for (let n = 0; n < source.image.frames; n++) {
		const frame = await source.load(n, signal);
		signal?.throwIfAborted();
		m.add(n, pixelsOf(frame, source.image, codec));
		onFrame(n + 1);
	}
}
