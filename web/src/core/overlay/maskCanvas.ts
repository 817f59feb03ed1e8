/** Masks as pixels of a canvas of the image's size, which CSS puts where the image is: zooming and panning paint nothing. */
import type { PlacedMask } from '../contract';
import type { Affine } from '../geometry';
import { next } from '../masks/bits';
import { bitsOf } from '../masks/layer';
import { looks, rgba } from './layers';

export const maskAlpha = 72;

/** Writes masks over one another into pixels, row by row. */
export function paintMasks(masks: readonly PlacedMask[], pixels: Uint32Array, columns: number): void {
	pixels.fill(0);
	for (const p of masks) {
		const m = bitsOf(p), colour = rgba(looks[p.layer].colour, maskAlpha);
		for (let y = 0; y < m.rows; y++) {
			for (let x = next(m, y, 0, false); x < m.columns; ) {
				const to = next(m, y, x, true);
				pixels.fill(colour, y * columns + x, y * columns + to);
				x = next(m, y, to, false);
			}
		}
	}
}

export class MaskCanvas {
	readonly element: HTMLCanvasElement;
	#data: ImageData | undefined;
	#shown: readonly PlacedMask[] = [];

	constructor(doc: Document) {
		this.element = doc.createElement('canvas');
		const s = this.element.style;
		s.position = 'absolute';
		s.left = s.top = '0';
		s.transformOrigin = '0 0';
		s.imageRendering = 'pixelated';
		s.pointerEvents = 'none';
		s.display = 'none';
	}

	draw(masks: readonly PlacedMask[], m: Affine): void {
		const c = this.element, first = masks[0];
		c.style.display = first ? 'block' : 'none';
		if (!first) {
			this.#shown = [];
			return;
		}
		c.style.transform = `matrix(${m.a},${m.b},${m.c},${m.d},${m.e},${m.f})`;
		if (masks.length === this.#shown.length && masks.every((p, i) => p === this.#shown[i])) return;
		this.#shown = masks;
		const { rows, columns } = bitsOf(first), ctx = c.getContext('2d');
		if (!ctx) return;
		if (!this.#data || c.width !== columns || c.height !== rows) {
			c.width = columns;
			c.height = rows;
			this.#data = ctx.createImageData(columns, rows);
		}
		paintMasks(masks, new Uint32Array(this.#data.data.buffer), columns);
		ctx.putImageData(this.#data, 0, 0);
	}
}
