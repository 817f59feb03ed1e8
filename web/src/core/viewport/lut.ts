import type { Image, Table, VoiWindow } from '../../api/types';
import { little } from '../frames/decode';

/**
 * The grey-scale transformations of DICOM: from stored values to what is shown, 0 black … 1 white.
 * Modality (PS3.3 C.11.1), values of interest (C.11.2), and the sense of MONOCHROME1 (C.7.6.3.1.2).
 */

/** What decides what a stored value means. */
export type Meaning = Pick<Image, 'rescale' | 'modality_lut'>;

/** A stored value after rescaling: what the device measured. */
export function rescaled({ rescale, modality_lut: lut }: Meaning, stored: number): number {
	if (lut) return entry(lut, stored);
	return rescale ? stored * rescale.slope + rescale.intercept : stored;
}

/** Entry of a table (C.11.1.1): values before its first and after its last are as those. */
const entry = (lut: Table, x: number): number => lut.data[Math.min(Math.max(Math.round(x) - lut.first, 0), lut.data.length - 1)] ?? 0;

/** Whether a stored value is no part of the picture (C.7.5.1.1.2): it is black whatever the window. */
export const isPadding = ({ padding: p }: Pick<Image, 'padding'>, stored: number): boolean => p !== undefined && stored >= p[0] && stored <= p[1];

/** Least and greatest stored value that the image's bits can say. */
export function storedRange(image: Pick<Image, 'bits_stored' | 'signed'>): readonly [number, number] {
	const n = 2 ** image.bits_stored;
	return image.signed ? [-n / 2, n / 2 - 1] : [0, n - 1];
}

/** A window at work (C.11.2.1.2, C.11.2.1.3): 0…1 of a value after rescaling. */
export function windowed({ center: c, width: w, function: f }: VoiWindow, x: number): number {
	let y: number;
	switch (f) {
		case 'sigmoid':
			y = 1 / (1 + Math.exp((-4 * (x - c)) / w));
			break;
		case 'linear_exact':
			y = (x - c) / w + 0.5;
			break;
		default: // the width counts values: of 1 it is a threshold
			if (w <= 1) return x > c - 0.5 ? 1 : 0;
			y = (x - (c - 0.5)) / (w - 1) + 0.5;
	}
	return y > 0 ? Math.min(y, 1) : 0; // what is no number is black
}

/** A VOI LUT at work (C.11.2.1.1). */
export const lookedUp = (lut: Table, x: number): number => entry(lut, x) / (2 ** lut.bits - 1);

/** All stored values of an image of 8 bits or less; of deeper ones the range of a frame's values is used (see presets). */
export function fullWindow(image: Pick<Image, 'bits_stored' | 'signed'> & Meaning): VoiWindow {
	if (image.modality_lut) return spanning(Math.min(...image.modality_lut.data), Math.max(...image.modality_lut.data));
	const [lo, hi] = storedRange(image).map((v) => rescaled(image, v)) as [number, number];
	return spanning(lo, hi);
}

/** The window that makes one value black and the other white. */
export function spanning(lo: number, hi: number): VoiWindow {
	const [a, b] = lo <= hi ? [lo, hi] : [hi, lo];
	return { center: (a + b) / 2, width: b > a ? b - a : 1, function: 'linear_exact' };
}

/** What makes greys of an image's values. */
export interface Shades {
	/** undefined: the VOI LUT */
	readonly window: VoiWindow | undefined;
	readonly lut: Image['voi_lut'];
	readonly inverse: boolean;
}

/** 0…255 of a stored value. */
export function shade(image: Meaning & Pick<Image, 'padding'>, s: Shades, stored: number): number {
	if (isPadding(image, stored)) return 0;
	const x = rescaled(image, stored);
	let y = s.window ? windowed(s.window, x) : s.lut ? lookedUp(s.lut, x) : 0;
	if (s.inverse) y = 1 - y;
	return Math.floor(y * 255 + 0.5);
}

/**
 * Opaque RGBA words (in this machine's order of bytes) for every stored value, by its bits: entry v & 0xff or v & 0xffff is that of v, also where
 * v is negative. 256 entries for samples of 8 bits, 65,536 for 16.
 */
export function lookup(image: Pick<Image, 'bits' | 'bits_stored' | 'signed' | 'padding'> & Meaning, s: Shades): Uint32Array {
	const mask = image.bits === 8 ? 0xff : 0xffff;
	const out = new Uint32Array(mask + 1);
	const [lo, hi] = storedRange(image);
	for (let v = lo; v <= hi; v++) out[v & mask] = grey(shade(image, s, v));
	return out;
}

const grey = (g: number): number => (little ? 0xff000000 | (g * 0x010101) : (g * 0x01010100) | 0xff) >>> 0;

/** Fills RGBA words from samples through a lookup table. */
export function paint(samples: Uint8Array | Int8Array | Uint16Array | Int16Array, table: Uint32Array, out: Uint32Array): void {
	// By their bits: signed samples are read as unsigned, as the table is.
	const raw =
		samples.BYTES_PER_ELEMENT === 1
			? new Uint8Array(samples.buffer, samples.byteOffset, samples.length)
			: new Uint16Array(samples.buffer, samples.byteOffset, samples.length);
	for (let i = 0; i < raw.length; i++) out[i] = table[raw[i]!]!;
}
