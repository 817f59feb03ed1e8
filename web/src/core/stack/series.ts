import type { Case, Image, Stack } from '../../api/types';
import type { FrameSource, Place } from '../contract';
import { framesOf, placeOf, slicesOf, type Shared } from '../frames/source';

/** What one looks at as one thing: an image with its frames, or a stack of slices. */
export interface Display {
	/** within the case: i1 is image 1, s1 stack 1 */
	readonly id: string;
	/** where its frames are */
	readonly places: readonly Place[];
	readonly image: Image;
	/** of whose slices it shows frames; undefined: its place is not known */
	readonly stack: Stack | undefined;
}

/**
 * The displays of a case, in the order of its images: each stack of two slices or more stands for its frames, unless it holds only some frames of an
 * image with more (then the image is shown as it is too). Single slices, loops and pictures are shown by themselves.
 */
export function displaysOf(c: Case): Display[] {
	const images = new Map(c.images.map((im) => [im.number, im]));
	const stacks = c.stacks ?? [];
	const inStack = new Map<number, number>(); // frames of an image in stacks that are scrolled
	for (const s of stacks) if (s.slices.length > 1) for (const p of s.slices) inStack.set(p.image, (inStack.get(p.image) ?? 0) + 1);
	const out: Display[] = [];
	for (const image of c.images) {
		for (const s of stacks) {
			if (s.slices.length < 2 || Math.min(...s.slices.map((p) => p.image)) !== image.number) continue;
			const places = s.slices.flatMap((p) => (images.has(p.image) ? [placeOf(images.get(p.image)!, p.frame)] : []));
			out.push({ id: `s${s.number}`, places, image: { ...places[0]!.image, frames: places.length }, stack: s });
		}
		if ((inStack.get(image.number) ?? 0) >= image.frames) continue;
		const alone = stacks.find((s) => s.slices.length === 1 && s.slices[0]!.image === image.number && image.frames === 1);
		out.push({ id: `i${image.number}`, places: Array.from({ length: image.frames }, (_, f) => placeOf(image, f)), image, stack: alone });
	}
	return out;
}

/** The frames of a display. */
export const sourceOf = (d: Display, shared: Shared): FrameSource =>
	d.stack && d.stack.slices.length > 1 ? slicesOf(d.places, shared) : framesOf(d.image, shared);

/** The display and frame at which a frame of an image is shown: for shapes and answers, which name these. */
export function findFrame(displays: readonly Display[], image: number, frame: number): { readonly display: Display; readonly frame: number } | undefined {
	for (const display of displays) {
		const n = display.places.findIndex((p) => p.image.number === image && p.frame === frame);
		if (n >= 0) return { display, frame: n };
	}
	return undefined;
}
