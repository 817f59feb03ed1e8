import { describe, expect, test } from 'vitest';
import type { Point } from '../../api/types';
import type { View } from '../contract';
import { apply, invert } from '../geometry';
import { effectiveScale, fitScale, fitted, oneToOne, panned, transformOf, zoomed } from './view';

const im = { rows: 100, columns: 200, aspect: 1 };
const canvas = { width: 400, height: 400 };
const near = (got: Point, want: Point) => {
	expect(got[0]).toBeCloseTo(want[0], 9);
	expect(got[1]).toBeCloseTo(want[1], 9);
};

describe('views', () => {
	test('fits the whole image, by its pixels’ aspect', () => {
		expect(fitScale(im, fitted, canvas)).toBe(2);
		expect(fitScale(im, { rotation: 90 }, canvas)).toBe(2);
		expect(fitScale({ ...im, aspect: 4 }, fitted, canvas)).toBe(1); // as high as 400
		expect(fitScale({ ...im, aspect: 4 }, { rotation: 270 }, canvas)).toBe(1);
		expect(fitScale(im, fitted, { width: 0, height: 0 })).toBeGreaterThan(0);
		expect(oneToOne(2)).toBe(0.5);
	});
	test('corners go where they are seen', () => {
		const t = (v: Partial<View>, p: Point, image = im) => apply(transformOf(image, { ...fitted, ...v }, canvas), p);
		near(t({}, [0, 0]), [0, 100]);
		near(t({}, [200, 100]), [400, 300]);
		near(t({ flip: true }, [0, 0]), [400, 100]);
		near(t({ rotation: 90 }, [0, 0]), [300, 0]); // clockwise: the left upper corner is the right upper one
		near(t({ rotation: 90 }, [0, 100]), [100, 0]);
		near(t({ rotation: 180 }, [0, 0]), [400, 300]);
		near(t({ rotation: 270 }, [0, 0]), [100, 400]);
		near(t({ rotation: 90, flip: true }, [0, 0]), [300, 400]); // mirrored first
		near(t({ scale: 1, centre: [0, 0] }, [0, 0]), [200, 200]);
		near(t({ scale: 1 }, [0, 0], { ...im, aspect: 2 }), [100, 100]); // pixels twice as high
	});
	test('zooming keeps the point under the pointer', () => {
		for (const rotation of [0, 90, 180, 270] as const) for (const flip of [false, true]) {
			const v: View = { ...fitted, rotation, flip };
			const at: Point = [180, 230];
			const before = apply(invert(transformOf(im, v, canvas)), at);
			const after = zoomed(im, v, canvas, at, 3);
			expect(after.scale).toBe(6);
			near(apply(invert(transformOf(im, after, canvas)), at), before);
		}
		expect(zoomed(im, { ...fitted, scale: 60 }, canvas, [0, 0], 10).scale).toBe(64);
		expect(zoomed(im, { ...fitted, scale: 0.02 }, canvas, [0, 0], 0.01).scale).toBe(1 / 64);
		const huge = { rows: 100_000, columns: 100_000, aspect: 1 };
		expect(zoomed(huge, fitted, canvas, [0, 0], 0.5).scale).toBe(0.004); // not larger than it fits
		expect(effectiveScale(im, { ...fitted, scale: 3 }, canvas)).toBe(3);
	});
	test('moves with the pointer and never out of sight', () => {
		const v = panned(im, { ...fitted, scale: 4 }, canvas, 8, -4);
		near(v.centre!, [98, 51]);
		near(panned(im, { ...fitted, rotation: 90 }, canvas, 10, 0).centre!, [100, 55]);
		near(panned(im, fitted, canvas, 1e6, -1e6).centre!, [0, 100]);
	});
});
