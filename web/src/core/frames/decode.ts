import type { Image } from '../../api/types';
import type { Frame } from '../contract';

/** What a browser does that a test has to do in its place. */
export interface Codec {
	/** A JPEG as a bitmap, colours as they are. */
	jpeg(data: Blob): Promise<ImageBitmap>;
	/** RGBA as a bitmap. */
	bitmap(rgba: Uint8ClampedArray, width: number, height: number): Promise<ImageBitmap>;
	/** RGBA of a bitmap. */
	pixels(bitmap: ImageBitmap): Uint8ClampedArray;
}

const plainly: ImageBitmapOptions = { premultiplyAlpha: 'none', colorSpaceConversion: 'none' };

/** The browser's own. No blob: address is made, so that the policy for content needs none. */
export const browserCodec: Codec = {
	jpeg: (data) => createImageBitmap(data, { ...plainly, imageOrientation: 'from-image' }),
	bitmap: (rgba, width, height) => createImageBitmap(new ImageData(rgba as Uint8ClampedArray<ArrayBuffer>, width, height), plainly),
	pixels(bitmap) {
		const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
		const ctx = canvas.getContext('2d', { willReadFrequently: true })!;
		ctx.drawImage(bitmap, 0, 0);
		return ctx.getImageData(0, 0, bitmap.width, bitmap.height).data;
	},
};

/** Bytes that a decoded frame of an image takes in memory. */
export function frameBytes(image: Image): number {
	return image.rows * image.columns * (image.samples === 3 ? 4 : image.bits / 8);
}

/** A frame from what the server sent. Grey stays as the samples it is stored as. */
export async function decode(image: Image, data: Blob | ArrayBuffer, codec: Codec): Promise<Frame> {
	const pixels = image.rows * image.columns;
	if (!(data instanceof ArrayBuffer)) {
		const bitmap = await codec.jpeg(data);
		if (bitmap.width !== image.columns || bitmap.height !== image.rows) {
			bitmap.close();
			throw new Error(`The frame has ${bitmap.width} × ${bitmap.height} pixels instead of ${image.columns} × ${image.rows}.`);
		}
		if (image.samples === 3) return { kind: 'colour', bitmap };
		const rgba = codec.pixels(bitmap);
		bitmap.close();
		const samples = new Uint8Array(pixels);
		for (let i = 0; i < pixels; i++) samples[i] = rgba[4 * i]!;
		return { kind: 'grey', samples };
	}
	const wanted = pixels * image.samples * (image.bits / 8);
	if (data.byteLength !== wanted) throw new Error(`The frame has ${data.byteLength} bytes instead of ${wanted}.`);
	if (image.samples === 3) return { kind: 'colour', bitmap: await codec.bitmap(rgba(new Uint8Array(data)), image.columns, image.rows) };
	if (image.bits === 8) return { kind: 'grey', samples: image.signed ? new Int8Array(data) : new Uint8Array(data) };
	littleEndian(data);
	return { kind: 'grey', samples: image.signed ? new Int16Array(data) : new Uint16Array(data) };
}

/** RGB, interleaved, to RGBA. */
export function rgba(rgb: Uint8Array): Uint8ClampedArray {
	const n = rgb.length / 3;
	const out = new Uint8ClampedArray(4 * n);
	const words = new Uint32Array(out.buffer);
	const alpha = little ? 0xff000000 : 0xff;
	if (little) for (let i = 0, j = 0; i < n; i++, j += 3) words[i] = (alpha | (rgb[j + 2]! << 16) | (rgb[j + 1]! << 8) | rgb[j]!) >>> 0;
	else for (let i = 0, j = 0; i < n; i++, j += 3) words[i] = ((rgb[j]! << 24) | (rgb[j + 1]! << 16) | (rgb[j + 2]! << 8) | alpha) >>> 0;
	return out;
}

/** This machine's order of bytes; every browser's machine today. */
export const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function littleEndian(data: ArrayBuffer): void {
	if (little) return;
	const b = new Uint8Array(data);
	for (let i = 0; i < b.length; i += 2) [b[i], b[i + 1]] = [b[i + 1]!, b[i]!];
}
