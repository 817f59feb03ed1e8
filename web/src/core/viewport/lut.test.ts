import { describe, expect, test } from 'vitest';
import type { VoiWindow } from '../../api/types';
import { image } from '../testing/fakes';
import { fullWindow, lookedUp, lookup, paint, rescaled, shade, spanning, storedRange, windowed } from './lut';
import { autoWindow, dragged, likeCT, percentileWindow, presetsOf } from './presets';

const win = (center: number, width: number, f: VoiWindow['function'] = 'linear'): VoiWindow => ({ center, width, function: f });

describe('windows, by hand from PS3.3 C.11.2.1.2', () => {
	test('LINEAR', () => {
		// c 50, w 100: black up to 49.5 − 49.5 = 0, white above 49.5 + 49.5 = 99.
		const y = (x: number) => windowed(win(50, 100), x);
		expect([-1, 0, 99, 100].map(y)).toEqual([0, 0, 1, 1]);
		expect(y(49.5)).toBe(0.5);
		expect(y(1)).toBeCloseTo(1 / 99, 12);
		// The standard's note: c 2048, w 4096 is the identity on 12 bits.
		for (const x of [0, 1, 2047, 2048, 4094, 4095]) expect(windowed(win(2048, 4096), x)).toBeCloseTo(x / 4095, 12);
		// And c 2048, w 1 a threshold: 2048 and above are white.
		expect([2047, 2047.5, 2048].map((x) => windowed(win(2048, 1), x))).toEqual([0, 0, 1]);
		// c 0.5 below: w 2 has two values, x ≤ c − 1 black and x > c white.
		expect([9, 9.5, 10].map((x) => windowed(win(10, 2), x))).toEqual([0, 0.5, 1]);
	});
	test('LINEAR_EXACT', () => {
		const y = (x: number) => windowed(win(50, 100, 'linear_exact'), x);
		expect([-1, 0, 25, 50, 100, 101].map(y)).toEqual([0, 0, 0.25, 0.5, 1, 1]);
		expect(windowed(win(0.5, 1, 'linear_exact'), 0.3)).toBeCloseTo(0.3, 12); // widths below 1 are allowed
		expect(windowed(win(0, 0.1, 'linear_exact'), 0.05)).toBe(1);
	});
	test('SIGMOID', () => {
		const y = (x: number) => windowed(win(50, 100, 'sigmoid'), x);
		expect(y(50)).toBe(0.5);
		expect(y(75)).toBeCloseTo(1 / (1 + Math.E ** -1), 12);
		expect(y(0)).toBeCloseTo(1 / (1 + Math.E ** 2), 12);
	});
	test('no number is black', () => {
		for (const f of ['linear', 'linear_exact', 'sigmoid'] as const) expect(windowed(win(0, 10, f), NaN)).toBe(0);
	});
});

describe('VOI LUT, by hand from C.11.2.1.1', () => {
	const lut = { first: -2, bits: 8, data: [0, 51, 255] };
	test('before its first and after its last as those', () => {
		expect([-100, -2, -1, 0, 5].map((x) => lookedUp(lut, x))).toEqual([0, 0, 0.2, 1, 1]);
		expect(lookedUp(lut, -1.4)).toBe(0.2);
		expect(lookedUp({ first: 0, bits: 16, data: [65535] }, 9)).toBe(1);
	});
	test('in the table of shades, after rescaling', () => {
		const im = image({ bits: 16, bits_stored: 12, rescale: { slope: 1, intercept: -10 }, voi_lut: lut });
		const t = lookup(im, { window: undefined, lut, inverse: false });
		expect([7, 8, 9, 10, 4095].map((v) => t[v]! & 0xff)).toEqual([0, 0, 51, 255, 255]);
	});
});

describe('tables', () => {
	const level = (t: Uint32Array, v: number) => {
		const b = new Uint8Array(new Uint32Array([t[v]!]).buffer);
		expect([b[1], b[2], b[3]]).toEqual([b[0], b[0], 255]); // grey and opaque
		return b[0];
	};
	test('8 bits without a window are as stored', () => {
		const im = image();
		const t = lookup(im, { window: fullWindow(im), lut: undefined, inverse: false });
		expect(Array.from(t, (_, v) => level(t, v))).toEqual(Array.from(t, (_, v) => v));
	});
	test('MONOCHROME1 is the other way round', () => {
		const im = image();
		const t = lookup(im, { window: fullWindow(im), lut: undefined, inverse: true });
		expect([0, 1, 128, 255].map((v) => level(t, v))).toEqual([255, 254, 127, 0]);
	});
	test('16 bits, signed, rescaled: computed tomography', () => {
		const im = image({ bits: 16, bits_stored: 16, signed: true, rescale: { slope: 1, intercept: 0 } });
		const t = lookup(im, { window: win(40, 400), lut: undefined, inverse: false });
		// black up to 39.5 − 199.5 = −160, white above 239
		expect([-1000, -160, 239, 240].map((v) => level(t, v & 0xffff))).toEqual([0, 0, 255, 255]);
		expect(level(t, 39)).toBe(Math.floor(((39 - 39.5) / 399 + 0.5) * 255 + 0.5));
		expect(level(t, 40)).toBe(128); // (0.5/399 + 0.5)·255 = 127.82
		expect(level(t, -1 & 0xffff)).toBe(102); // (−40.5/399 + 0.5)·255 = 101.62
	});
	test('12 bits unsigned with an intercept, slope and negative slope', () => {
		const im = image({ bits: 16, bits_stored: 12, rescale: { slope: 2, intercept: -1000 } });
		expect([rescaled(im, 0), rescaled(im, 500)]).toEqual([-1000, 0]);
		expect(shade(im, { window: win(0, 2001, 'linear_exact'), lut: undefined, inverse: false }, 500)).toBe(128);
		const back = image({ rescale: { slope: -1, intercept: 255 } });
		expect([0, 255].map((v) => shade(back, { window: fullWindow(back), lut: undefined, inverse: false }, v))).toEqual([255, 0]);
	});
	test('a modality LUT in place of rescaling (C.11.1)', () => {
		const im = image({ modality_lut: { first: 2, bits: 16, data: [100, 300, 500] }, rescale: { slope: 9, intercept: 9 } });
		expect([0, 2, 3, 4, 255].map((v) => rescaled(im, v))).toEqual([100, 100, 300, 500, 500]);
		expect(fullWindow(im)).toEqual(spanning(100, 500));
		expect(shade(im, { window: fullWindow(im), lut: undefined, inverse: false }, 3)).toBe(128);
	});
	test('padding is black, inverse or not', () => {
		const im = image({ bits: 16, bits_stored: 16, signed: true, padding: [-2000, -1500] });
		const t = (inverse: boolean) => lookup(im, { window: win(0, 4000), lut: undefined, inverse });
		for (const inverse of [false, true]) expect([-2000, -1700, -1500].map((v) => level(t(inverse), v & 0xffff))).toEqual([0, 0, 0]);
		expect(level(t(false), -1499 & 0xffff)).toBe(32);
		expect(level(t(true), -2001 & 0xffff)).toBe(255);
	});
	test('ranges of bits', () => {
		expect([storedRange({ bits_stored: 12, signed: true }), storedRange({ bits_stored: 8, signed: false })]).toEqual([[-2048, 2047], [0, 255]]);
		expect(spanning(5, 5)).toEqual(win(5, 1, 'linear_exact'));
		expect(spanning(9, 1)).toEqual(win(5, 8, 'linear_exact'));
	});
	test('painting goes by the bits', () => {
		const t = new Uint32Array(65536).map((_, i) => i);
		const out = new Uint32Array(3);
		paint(new Int16Array([-1, 0, 5]), t, out);
		expect([...out]).toEqual([65535, 0, 5]);
		paint(new Int16Array([7, 7, -2, 0, 5]).subarray(2), t, out); // a part of a buffer
		expect([...out]).toEqual([65534, 0, 5]);
		paint(new Int8Array([-1, 127, 3]), t, out);
		expect([...out]).toEqual([255, 127, 3]);
		paint(new Uint8Array([255, 0, 3]), t, out);
		expect([...out]).toEqual([255, 0, 3]);
	});
});

describe('presets', () => {
	const ct = image({ bits: 16, bits_stored: 12, rescale: { slope: 1, intercept: -1024 }, windows: [win(40, 400)] });
	test('tomography has its usual windows, after the header’s', () => {
		expect(presetsOf(ct).map((p) => p.name)).toEqual(['Header', 'Lung', 'Mediastinum', 'Abdomen', 'Brain', 'Bone']);
		expect(presetsOf(image({ windows: [win(1, 2), win(3, 4)], voi_lut: { first: 0, bits: 8, data: [1] } })).map((p) => p.name)).toEqual(['Header table', 'Header 1', 'Header 2']);
		expect(presetsOf(image({ samples: 3 }))).toEqual([]);
	});
	test('what looks like tomography', () => {
		expect(likeCT(ct)).toBe(true);
		expect(likeCT(image({ bits: 16, bits_stored: 16, signed: true, rescale: { slope: 1, intercept: 0 } }))).toBe(true);
		expect(likeCT(image({ bits: 16, bits_stored: 16, signed: true }))).toBe(false);
		expect(likeCT(image({ bits: 16, bits_stored: 12 }))).toBe(false);
		expect(likeCT(image({ bits: 16, bits_stored: 12, rescale: { slope: 2.5, intercept: -1024 } }))).toBe(false);
		expect(likeCT(image())).toBe(false);
	});
	test('automatic windows', () => {
		const samples = new Int16Array(200).map((_, i) => i - 100); // −100 … 99
		const im = { rescale: { slope: 2, intercept: 10 } };
		expect(autoWindow(im, { kind: 'grey', samples })).toEqual(spanning(-190, 208));
		expect(percentileWindow(im, { kind: 'grey', samples })).toEqual(spanning(-99 * 2 + 10, 97 * 2 + 10)); // ranks 2 and 198
		expect(autoWindow({ padding: [0, 1] }, { kind: 'grey', samples: new Uint8Array([0, 1, 1, 5, 9]) })).toEqual(spanning(5, 9));
		expect(autoWindow({ padding: [0, 9] }, { kind: 'grey', samples: new Uint8Array([0, 9]) })).toBeUndefined();
		expect(autoWindow({}, { kind: 'grey', samples: new Uint8Array([7, 7]) })).toEqual(win(7, 1, 'linear_exact'));
		expect(autoWindow({}, { kind: 'grey', samples: new Uint8Array() })).toBeUndefined();
		expect(autoWindow({}, { kind: 'colour', bitmap: {} as ImageBitmap })).toBeUndefined();
	});
	test('dragging', () => {
		expect(dragged(win(40, 400), 256, 0)).toEqual(win(40, 800));
		expect(dragged(win(40, 400), 0, 64)).toEqual(win(-60, 400));
		expect(dragged(win(40, 1), -999, 0)).toEqual(win(40, 1));
		expect(dragged(win(0.5, 0.2, 'sigmoid'), -256, 0).width).toBeCloseTo(0.1, 12);
	});
});
