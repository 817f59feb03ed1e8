import type { Image, VoiWindow } from '../../api/types';
import type { Frame, View } from '../contract';
import type { Affine } from '../geometry';
import { lookup, paint, type Shades } from './lut';

/** A canvas for pixels at the image's own size, before they are scaled. */
export type Sheet = HTMLCanvasElement | OffscreenCanvas;
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export interface Painting {
	readonly image: Image;
	readonly frame: Frame;
	readonly window: VoiWindow | undefined;
	readonly invert: boolean;
	/** image to pixels of the canvas */
	readonly transform: Affine;
	readonly view: View;
	/** pixels of the canvas for an image pixel */
	readonly scale: number;
}

/** From so many pixels of the screen for one of the image, pixels may be shown as squares. */
export const SQUARES = 2;

/**
 * Paints frames on a canvas: greys through a lookup table into pixels of the image's own size, then scaled by the canvas.
 *
 * Without a GPU this is two to four times as fast as WebGL2 with the table in a shader; with one either keeps up with the screen.
 */
export class Painter {
	readonly #ctx: CanvasRenderingContext2D;
	#sheet: Sheet | undefined;
	#words: Uint32Array | undefined;
	#data: ImageData | undefined;
	#table: { key: string; words: Uint32Array } | undefined;
	/** what is on the sheet */
	#on: { frame: Frame; key: string } | undefined;

	constructor(
		readonly canvas: HTMLCanvasElement,
		readonly makeSheet: (width: number, height: number) => Sheet = (w, h) => new OffscreenCanvas(w, h),
	) {
		const ctx = canvas.getContext('2d', { alpha: false });
		if (!ctx) throw new Error('This browser gives no canvas to draw on.');
		this.#ctx = ctx;
	}

	paint(p: Painting): void {
		const ctx = this.#ctx;
		const source = this.#pixels(p);
		this.clear();
		const m = p.transform;
		ctx.setTransform(m.a, m.b, m.c, m.d, m.e, m.f);
		ctx.imageSmoothingEnabled = p.view.smooth || p.scale < SQUARES;
		ctx.imageSmoothingQuality = 'low';
		ctx.drawImage(source, 0, 0, p.image.columns, p.image.rows);
		if (p.frame.kind === 'colour' && p.invert) {
			ctx.globalCompositeOperation = 'difference';
			ctx.fillStyle = '#fff';
			ctx.fillRect(0, 0, p.image.columns, p.image.rows);
			ctx.globalCompositeOperation = 'source-over';
		}
	}

	clear(): void {
		const ctx = this.#ctx;
		ctx.setTransform(1, 0, 0, 1, 0, 0);
		ctx.fillStyle = '#000';
		ctx.fillRect(0, 0, this.canvas.width, this.canvas.height);
	}

	/** The frame as something that a canvas draws, pixel for pixel. */
	#pixels(p: Painting): CanvasImageSource {
		const { frame } = p;
		if (frame.kind === 'colour') {
			if (!isImageData(frame.bitmap)) return frame.bitmap;
			const ctx = this.#context(p.image);
			if (this.#on?.frame !== frame) ctx.putImageData(frame.bitmap, 0, 0);
			this.#on = { frame, key: '' };
			return this.#sheet!;
		}
		const { key, words } = this.#lookup(p);
		const ctx = this.#context(p.image);
		if (this.#on?.frame !== frame || this.#on.key !== key) {
			paint(frame.samples, words, this.#words!);
			ctx.putImageData(this.#data!, 0, 0);
			this.#on = { frame, key };
		}
		return this.#sheet!;
	}

	#context(image: Image): Context {
		if (this.#sheet?.width !== image.columns || this.#sheet.height !== image.rows) {
			this.#sheet = this.makeSheet(image.columns, image.rows);
			this.#on = undefined;
			this.#data = undefined;
		}
		const ctx = this.#sheet.getContext('2d') as Context;
		if (!this.#data) {
			this.#data = ctx.createImageData(image.columns, image.rows);
			this.#words = new Uint32Array(this.#data.data.buffer);
		}
		return ctx;
	}

	/** The table of the last painting, while it is the same. */
	#lookup({ image, window, invert }: Painting): { key: string; words: Uint32Array } {
		const shades: Shades = { window, lut: image.voi_lut, inverse: image.inverse !== invert };
		const key = [image.bits, image.bits_stored, image.signed, image.rescale?.slope, image.rescale?.intercept, window?.center, window?.width, window?.function, shades.inverse,
			image.padding?.join('…'), window && !image.modality_lut ? '' : image.number].join(' ');
		if (this.#table?.key !== key) this.#table = { key, words: lookup(image, shades) };
		return this.#table;
	}
}

const isImageData = (b: ImageBitmap | ImageData): b is ImageData => 'data' in b;
