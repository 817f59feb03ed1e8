import { describe, expect, test } from 'vitest';
import type { Case, Stack } from '../../api/types';
import { image, Server } from '../testing/fakes';
import { displaysOf, findFrame, sourceOf } from './series';
import { crossLine, depthOf, locate, normal, placeAt, pointAt, sliceAt } from './space';

/** Eleven axial slices of 100 × 200 pixels of 1 × 0.5 mm, 2 mm apart. */
const axial: Stack = {
	number: 1, space: 1, row: [1, 0, 0], column: [0, 1, 0], pixel: [1, 0.5], sides: ['R', 'L', 'A', 'P'], spacing: 2, even: true,
	slices: Array.from({ length: 11 }, (_, i) => ({ image: i + 1, frame: 0, mm: 2 * i, at: [0, 0, 2 * i] })),
};
/** One sagittal slice of 100 × 100 pixels of 1 mm through x = 20, from z = 40 downwards. */
const sagittal: Stack = {
	number: 2, space: 1, row: [0, 1, 0], column: [0, 0, -1], pixel: [1, 1], sides: ['A', 'P', 'H', 'F'], spacing: 0, even: true,
	slices: [{ image: 12, frame: 0, mm: 0, at: [20, 0, 40] }],
};
const wide = { rows: 100, columns: 200 }, square = { rows: 100, columns: 100 };

describe('space', () => {
	test('from image points to places and back', () => {
		expect(placeAt(axial, 3, [0.5, 0.5])).toEqual([0, 0, 6]);
		expect(placeAt(axial, 3, [40.5, 10.5])).toEqual([20, 10, 6]);
		expect(pointAt(axial, 3, [20, 10, 99])).toEqual([40.5, 10.5]);
		expect(placeAt(sagittal, 0, [10.5, 30.5])).toEqual([20, 10, 10]);
		expect(normal(sagittal)).toEqual([-1, 0, 0]);
		expect(depthOf(sagittal, [17, 0, 0])).toBe(3);
	});
	test('the nearest slice', () => {
		expect(sliceAt(axial, 6.9)).toEqual({ slice: 3, off: expect.closeTo(0.9, 9) as number });
		expect(sliceAt(axial, -50).slice).toBe(0);
		expect(sliceAt(axial, 99).slice).toBe(10);
	});
	test('a crosshair is at the same place in every stack that reaches it', () => {
		const place = placeAt(sagittal, 0, [10.5, 30.5]);
		expect(locate(axial, place, wide)).toEqual({ slice: 5, point: [40.5, 10.5] });
		expect(locate(axial, [20, 10, 21], wide)?.slice).toBe(10); // half a spacing behind
		expect(locate(axial, [20, 10, 21.1], wide)).toBeUndefined();
		expect(locate(axial, [-1, 10, 4], wide)).toBeUndefined();
		expect(locate(sagittal, [24, 10, 10], square)).toEqual({ slice: 0, point: [10.5, 30.5] });
		expect(locate(sagittal, [26, 10, 10], square)).toBeUndefined();
	});
	test('slices cut each other in lines, as far as both images go', () => {
		// The sagittal plane x = 20 in an axial image is its column 40.5; rows 0 to 100.
		expect(crossLine(sagittal, 0, square, axial, 5, wide)).toEqual([[40.5, 100], [40.5, 0]]);
		// The axial plane z = 10 in the sagittal image is its row 30.5.
		const line = crossLine(axial, 5, wide, sagittal, 0, square)!;
		expect(line.map((p) => p[1])).toEqual([30.5, 30.5]);
		expect(line.map((p) => p[0]).sort((a, b) => a - b)).toEqual([0, 100]);
		// The sagittal image begins at z = 40.5 mm: it sees all; one that is shorter sees a part.
		const short = crossLine(sagittal, 0, { rows: 100, columns: 30 }, axial, 5, wide)!;
		expect(short.map((p) => p[1]).sort((a, b) => a - b)).toEqual([0, 30]);
	});
	test('parallel planes, other spaces and images that miss each other have none', () => {
		expect(crossLine(axial, 0, wide, axial, 5, wide)).toBeUndefined();
		expect(crossLine({ ...sagittal, space: 2 }, 0, square, axial, 5, wide)).toBeUndefined();
		expect(crossLine({ ...sagittal, slices: [{ ...sagittal.slices[0]!, at: [200, 0, 40] }] }, 0, square, axial, 5, wide)).toBeUndefined();
		expect(crossLine({ ...sagittal, slices: [{ ...sagittal.slices[0]!, at: [20, 0, 1000] }] }, 0, square, axial, 5, wide)).toBeUndefined();
	});
});

describe('displays of a case', () => {
	const c: Case = {
		id: 'x',
		images: [...Array.from({ length: 11 }, (_, i) => image({ number: i + 1, frames: 1 })), image({ number: 12, frames: 1 }), image({ number: 13, frames: 30 })],
		stacks: [axial, sagittal],
	};
	test('a stack is one; what lies alone is by itself', () => {
		const all = displaysOf(c);
		expect(all.map((d) => [d.id, d.places.length, d.stack?.number])).toEqual([['s1', 11, 1], ['i12', 1, 2], ['i13', 30, undefined]]);
		expect(sourceOf(all[0]!, new Server().shared).image.frames).toBe(11);
		expect(sourceOf(all[2]!, new Server().shared).at(4)).toMatchObject({ image: { number: 13 }, frame: 4 });
		expect(displaysOf({ id: 'y', images: [image()] }).map((d) => d.id)).toEqual(['i1']);
	});
	test('frames of images are found in them', () => {
		expect(findFrame(displaysOf(c), 7, 0)).toMatchObject({ display: { id: 's1' }, frame: 6 });
		expect(findFrame(displaysOf(c), 13, 29)?.frame).toBe(29);
		expect(findFrame(displaysOf(c), 14, 0)).toBeUndefined();
	});
	test('an image of which a stack has only some frames is shown too; frames keep their own rescaling', () => {
		const im = image({ frames: 3, rescales: [1, 2, 3].map((slope) => ({ slope, intercept: 0 })) });
		const s: Stack = { ...axial, slices: [{ image: 1, frame: 2, mm: 0, at: [0, 0, 0] }, { image: 1, frame: 0, mm: 1, at: [0, 0, 1] }] };
		const all = displaysOf({ id: 'z', images: [im], stacks: [s] });
		expect(all.map((d) => d.id)).toEqual(['s1', 'i1']);
		expect(all[0]!.places.map((p) => p.image.rescale?.slope)).toEqual([3, 1]);
	});
});
