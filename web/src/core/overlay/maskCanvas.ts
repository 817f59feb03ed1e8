/** Masks as pixels of a canvas of the image's size, which CSS puts where the image is: zooming and panning paint nothing. */
import type { PlacedMask } from '../contract';
import type { Affine } from '../geometry';
import type { BitMask } from '../masks/bits';
import { bitsOf } from '../masks/layer';
import { looks, rgba } from './layers';

export const maskAlpha = 72;

/** Writes masks over one another into the pixels of the rows from first to before last. */
export function paintMasks(masks: readonly PlacedMask[], pixels: Uint32Array, columns: number, first = 0, last = pixels.length / columns): void {
	pixels.fill(0, first * columns, last * columns);
	for (const p of masks) {
		const m = bitsOf(p), colour = rgba(looks[p.layer].colour, maskAlpha);
		for (let y = first; y < last; y++) {
			for (let k = 0; k < m.stride; k++) {
				let w = m.words[y * m.stride + k]!;
				const at = y * columns + 32 * k;
				if (w === 0xffffffff) {
					pixels.fill(colour, at, at + 32);
					continue;
				}
				for (; w !== 0; w &= w - 1) pixels[at + 31 - Math.clz32(w & -w)] = colour;
			}
		}
	}
}

/** Rows from first to before last where masks are not as they were; undefined: nowhere. */
function rowsChanged(masks: readonly BitMask[], were: readonly Uint32Array[]): { first: number; last: number } | undefined {
	let first = Infinity, last = -1;
	masks.forEach((m, i) => {
		const old = were[i]!;
		for (let y = 0; y < m.rows; y++) {
			if (y >= first && y < last) continue;
			for (let k = y * m.stride; k < (y + 1) * m.stride; k++) {
				if (m.words[k] === old[k]) continue;
				first = Math.min(first, y);
				last = Math.max(last, y + 1);
				break;
			}
		}
	});
	return last < 0 ? undefined : { first, last };
}

export class MaskCanvas {
	readonly element: HTMLCanvasElement;
	#data: ImageData | undefined;
	/** what the canvas has: layers and words of the masks on it */
	#shown: { readonly layers: string; readonly words: readonly Uint32Array[] } | undefined;

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
			this.#shown = undefined;
			return;
		}
		c.style.transform = `matrix(${m.a},${m.b},${m.c},${m.d},${m.e},${m.f})`;
		const bits = masks.map(bitsOf), { rows, columns } = bits[0]!, ctx = c.getContext('2d'), layers = masks.map((p) => p.layer).join();
		if (!ctx) return;
		if (!this.#data || c.width !== columns || c.height !== rows) {
			c.width = columns;
			c.height = rows;
			this.#data = ctx.createImageData(columns, rows);
			this.#shown = undefined;
		}
		// A stroke changes some rows: only these are painted.
		const changed = this.#shown?.layers === layers ? rowsChanged(bits, this.#shown.words) : { first: 0, last: rows };
		if (!changed) return;
		this.#shown = { layers, words: bits.map((b) => b.words.slice()) };
		paintMasks(masks, new Uint32Array(this.#data.data.buffer), columns, changed.first, changed.last);
		ctx.putImageData(this.#data, 0, 0, 0, changed.first, columns, changed.last - changed.first);
	}
}
