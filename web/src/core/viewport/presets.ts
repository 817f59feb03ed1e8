import type { Image, VoiWindow } from '../../api/types';
import type { Frame } from '../contract';
import { isPadding, rescaled, spanning, type Meaning } from './lut';

/** A window with a name for a menu. */
export interface Preset {
	readonly name: string;
	/** undefined: the picture's VOI LUT */
	readonly window: VoiWindow | undefined;
}

const ct = (name: string, center: number, width: number): Preset => ({ name, window: { center, width, function: 'linear' } });

/** Usual windows of computed tomography, Hounsfield units. */
const hounsfield: readonly Preset[] = [ct('Lung', -600, 1500), ct('Mediastinum', 50, 350), ct('Abdomen', 60, 400), ct('Brain', 40, 80), ct('Bone', 500, 2000)];

/**
 * Whether values are rescaled as those of computed tomography are: 12 bits or more, in whole steps, from about −1000 (air) on. A guess from numbers:
 * the modality is a word of the header, which stays with the server.
 */
export function likeCT(image: Pick<Image, 'samples' | 'bits_stored' | 'rescale' | 'signed'>): boolean {
	if (image.samples !== 1 || image.bits_stored < 12) return false;
	const { slope, intercept } = image.rescale ?? { slope: 1, intercept: 0 };
	if (slope !== 1) return false;
	return image.signed ? intercept === 0 && image.rescale !== undefined : intercept <= -1000 && intercept >= -8192;
}

/** Windows to choose from: the header's first. */
export function presetsOf(image: Image): Preset[] {
	if (image.samples !== 1) return [];
	const out: Preset[] = [];
	if (image.voi_lut) out.push({ name: 'Header table', window: undefined });
	const own = image.windows ?? [];
	own.forEach((window, i) => out.push({ name: own.length > 1 ? `Header ${i + 1}` : 'Header', window }));
	if (likeCT(image)) out.push(...hounsfield);
	return out;
}

/** Values of a frame after rescaling between which given parts of its pixels lie, but for padding; the least and the greatest by default. */
export function autoWindow(image: Meaning & Pick<Image, 'padding'>, frame: Frame, lower = 0, upper = 1): VoiWindow | undefined {
	if (frame.kind !== 'grey' || frame.samples.length === 0) return undefined;
	const s = frame.samples;
	const low = s instanceof Int16Array ? -0x8000 : s instanceof Int8Array ? -0x80 : 0;
	const counts = new Uint32Array(s.BYTES_PER_ELEMENT === 1 ? 0x100 : 0x10000);
	for (let i = 0; i < s.length; i++) counts[s[i]! - low]!++;
	let n = s.length;
	if (image.padding) {
		for (let v = 0; v < counts.length; v++) {
			if (!isPadding(image, v + low)) continue;
			n -= counts[v]!;
			counts[v] = 0;
		}
		if (n === 0) return undefined;
	}
	const from = quantile(counts, n, lower);
	const to = quantile(counts, n, upper);
	return spanning(rescaled(image, from + low), rescaled(image, to + low));
}

/** The least value up to which the given part of all lies: by nearest rank. */
function quantile(counts: Uint32Array, n: number, part: number): number {
	const rank = Math.min(Math.max(Math.ceil(part * n), 1), n);
	let sum = 0;
	for (let v = 0; v < counts.length; v++) if ((sum += counts[v]!) >= rank) return v;
	return counts.length - 1;
}

/** The usual choice of people who read: the darkest and the brightest hundredth of the pixels are not told apart. */
export const percentileWindow = (image: Meaning & Pick<Image, 'padding'>, frame: Frame): VoiWindow | undefined => autoWindow(image, frame, 0.01, 0.99);

/**
 * A window after a drag of CSS pixels: to the right wider, down brighter (the centre sinks), as on workstations. A drag over 256 pixels
 * doubles the width; it moves the centre by the width at its beginning.
 */
export function dragged(window: VoiWindow, dx: number, dy: number): VoiWindow {
	const least = window.function === 'linear' ? 1 : 1e-6;
	return { ...window, width: Math.max(least, window.width * 2 ** (dx / 256)), center: window.center - (dy / 256) * window.width };
}
