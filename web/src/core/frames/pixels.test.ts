import { expect, test } from 'vitest';
import { image } from '../testing/hand';
import type { Frame } from '../contract';
import { pixelsOf, sampler } from './pixels';

test('stored values of grey frames, brightness of coloured ones, nothing of frames that are not here', () => {
	const grey: Frame = { kind: 'grey', samples: Int16Array.of(-5, 7, 9, 11) };
	const rgba = Uint8ClampedArray.of(255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 9, 9, 9, 255);
	let read = 0;
	const colour: Frame = { kind: 'colour', bitmap: {} as ImageBitmap }, codec = { pixels: () => (read++, rgba) };
	const at = sampler({ image: image(2, 2), peek: (n) => [grey, colour][n] }, codec);
	expect([at(0, 0, 0), at(0, 1, 1), at(2, 0, 0)]).toEqual([-5, 11, undefined]);
	expect([at(1, 0, 0), at(1, 1, 0), at(1, 0, 1), at(1, 1, 1)]).toEqual([54, 182, 18, 9]);
	expect(read).toBe(1);
	expect(pixelsOf(grey, image(2, 2))).toEqual({ rows: 2, columns: 2, channels: 1, data: grey.samples });
});
