import { expect, it } from 'vitest';
import type { Viewport } from '../../core/contract';
import { seenOf } from './seen';

/** Three slices that are images of their own, or one image of frames. */
const viewport = (frame: number, playing: boolean, slices: boolean, window?: { center: number; width: number }) =>
	({
		frame,
		play: { playing, loop: [0, 2] },
		grey: { window },
		source: { at: (n: number) => (slices ? { image: { number: n + 5 }, frame: 0 } : { image: { number: 2 }, frame: n }) },
	}) as unknown as Viewport;

it('says what is on the screen in the numbers of its image', () => {
	expect(seenOf(viewport(1, false, false))).toEqual({ image: 2, from: 1, to: 1 });
	expect(seenOf(viewport(1, true, false, { center: 40, width: 80 }))).toEqual({ image: 2, from: 0, to: 2, center: 40, width: 80 });
	expect(seenOf(viewport(1, true, true))).toEqual({ image: 6, from: 0, to: 0 });
});
