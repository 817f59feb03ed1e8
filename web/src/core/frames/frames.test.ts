import { describe, expect, test, vi } from 'vitest';
import { image, Server, settle } from '../testing/fakes';
import { decode, frameBytes, rgba } from './decode';
import { codec } from '../testing/fakes';
import { Memory, type Holder } from './memory';
import { passing } from './requests';
import { need } from './ring';
import { framesOf, slicesOf } from './source';

describe('ring', () => {
	const order = (frames: number, look: Parameters<typeof need>[1], room: number) =>
		Array.from({ length: frames }, (_, n) => n).filter((n) => need(n, look, frames, room) < Infinity)
			.sort((a, b) => need(a, look, frames, room) - need(b, look, frames, room));

	test('forth: ahead first, round the end, then behind', () => {
		const look = { n: 8, direction: 1, from: 0, to: 9 } as const;
		expect(order(10, look, 10)).toEqual([8, 9, 0, 1, 2, 3, 4, 5, 6, 7]);
		expect(order(10, look, 4)).toEqual([8, 9, 0, 7]); // three ahead, one behind
		expect(order(10, look, 1)).toEqual([8]);
	});
	test('back is the same, mirrored', () => {
		expect(order(10, { n: 1, direction: -1, from: 0, to: 9 }, 4)).toEqual([1, 0, 9, 2]);
	});
	test('without direction around, not past the ends', () => {
		expect(order(10, { n: 5, direction: 0, from: 0, to: 9 }, 5)).toEqual([5, 6, 4, 7, 3]);
		expect(order(10, { n: 0, direction: 0, from: 0, to: 9 }, 3)).toEqual([0, 1, 2]);
		expect(order(10, { n: 9, direction: 0, from: 0, to: 9 }, 3)).toEqual([9, 8, 7]);
	});
	test('a loop comes before what is outside of it', () => {
		const look = { n: 4, direction: 1, from: 3, to: 5 } as const;
		expect(order(10, look, 10)).toEqual([4, 5, 3, 6, 2, 7, 1, 8, 0, 9]);
		expect(order(10, look, 2)).toEqual([4, 5]);
		expect(order(10, { ...look, n: 9 }, 3).sort()).toEqual([3, 4, 5, 9]);
	});
	test('ranks are distinct', () => {
		for (const direction of [-1, 0, 1] as const) for (let n = 0; n < 9; n++) for (let room = 1; room < 12; room++) {
			const all = order(9, { n, direction, from: 2, to: 7 }, room).map((k) => need(k, { n, direction, from: 2, to: 7 }, 9, room)).filter((r) => r > 0);
			expect(new Set(all).size).toBe(all.length);
		}
	});
});

describe('memory', () => {
	const holder = (rank: (n: number) => number): Holder & { gone: number[] } => {
		const gone: number[] = [];
		return { gone, rank, drop: (n) => gone.push(n) };
	};
	test('lets go of what is wanted last, then of what was used longest ago', () => {
		const m = new Memory(40);
		const h = holder((n) => (n < 2 ? n : Infinity));
		m.open(h);
		for (const n of [0, 1, 5, 6]) expect(m.keep(h, n, 10)).toBe(true);
		m.touch(h, 5);
		expect(m.keep(h, 7, 10)).toBe(true);
		expect(m.keep(h, 1, 10)).toBe(true); // itself
		expect(h.gone).toEqual([6, 5, 1]);
		expect(m.used).toBe(30);
	});
	test('keeps nothing that is wanted later than all else; what is looked at always', () => {
		const m = new Memory(20);
		const h = holder((n) => n);
		m.open(h);
		expect([m.keep(h, 0, 10), m.keep(h, 1, 10), m.keep(h, 2, 10)]).toEqual([true, true, false]);
		const big = holder(() => 0);
		m.open(big);
		expect(m.share).toBe(10);
		expect(m.keep(big, 0, 100)).toBe(true);
		expect(h.gone).toEqual([1]);
		m.close(big);
		m.close(h);
		expect(m.used).toBe(0);
		expect(m.keep(h, 0, 1)).toBe(false);
	});
});

describe('decode', () => {
	test('samples stay as they are', async () => {
		const at = async (o: Parameters<typeof image>[0], bytes: number[]) => {
			const f = await decode(image({ rows: 1, columns: 2, ...o }), new Uint8Array(bytes).buffer, codec);
			return f.kind === 'grey' ? [f.samples.constructor.name, ...f.samples] : f.kind;
		};
		expect(await at({}, [1, 255])).toEqual(['Uint8Array', 1, 255]);
		expect(await at({ signed: true }, [1, 255])).toEqual(['Int8Array', 1, -1]);
		expect(await at({ bits: 16 }, [0x34, 0x12, 0xff, 0xff])).toEqual(['Uint16Array', 0x1234, 65535]);
		expect(await at({ bits: 16, signed: true }, [0x18, 0xfc, 0xff, 0x7f])).toEqual(['Int16Array', -1000, 32767]);
		await expect(at({}, [1])).rejects.toThrow('1 bytes instead of 2');
	});
	test('RGB becomes RGBA', () => {
		expect([...rgba(new Uint8Array([1, 2, 3, 253, 254, 255]))]).toEqual([1, 2, 3, 255, 253, 254, 255, 255]);
	});
	test('a JPEG in grey becomes samples, in colour a bitmap; one of another size is refused', async () => {
		const jpeg = new Blob([new Uint8Array(3)]);
		const grey = await decode(image(), jpeg, codec);
		expect(grey.kind === 'grey' && [...grey.samples]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
		expect((await decode(image({ samples: 3 }), jpeg, codec)).kind).toBe('colour');
		await expect(decode(image({ rows: 9 }), jpeg, codec)).rejects.toThrow('4 × 3 pixels instead of 4 × 9');
	});
	test('bytes in memory', () => {
		expect([frameBytes(image()), frameBytes(image({ bits: 16 })), frameBytes(image({ samples: 3 }))]).toEqual([12, 24, 48]);
	});
});

describe('source', () => {
	test('fetches where one looks, then ahead, few at a time', async () => {
		const s = new Server({ parallel: 2 });
		const src = framesOf(image(), s.shared);
		src.want(3, 1);
		src.want(3, 1);
		expect(s.numbers).toEqual([3]);
		await s.of(3).answer();
		expect(s.numbers).toEqual([3, 4, 5]);
		expect(src.peek(3)?.kind).toBe('grey');
		expect(src.peek(4)).toBeUndefined();
	});
	test('what somebody waits for goes first, beside what is under way', async () => {
		const s = new Server({ parallel: 2 });
		const src = framesOf(image(), s.shared);
		src.want(0, 1);
		await s.of(0).answer();
		const f = src.load(7);
		expect(s.numbers).toEqual([0, 1, 2, 7]);
		await s.of(7).answer();
		expect(await f).toBe(src.peek(7));
		expect(await src.load(7)).toBe(src.peek(7));
	});
	test('and in place of what is wanted last, where too much is under way', async () => {
		const s = new Server({ parallel: 2 });
		const src = framesOf(image(), s.shared);
		src.want(0, 1);
		await s.of(0).answer();
		void src.load(7);
		void src.load(8);
		expect(s.asked.map((a) => [a.n, a.signal.aborted])).toEqual([[0, false], [1, false], [2, true], [7, false], [8, false]]);
		void src.load(9);
		void src.load(6); // has to wait: somebody waits for each
		expect(s.asked.filter((a) => !a.signal.aborted).map((a) => a.n)).toEqual([0, 7, 8, 9]);
	});
	test('what is not wanted any more is given up, and not kept', async () => {
		const s = new Server({ parallel: 2, limit: 48 }); // four frames
		const src = framesOf(image(), s.shared);
		src.want(0, 1);
		await s.of(0).answer();
		const early = s.of(1);
		src.want(5, 1);
		expect(early.signal.aborted).toBe(true);
		expect(s.numbers).toEqual([0, 1, 2, 5, 6]);
		await early.answer();
		expect(src.peek(1)).toBeUndefined();
	});
	test('memory stays bounded while one plays a long loop', async () => {
		const s = new Server({ limit: 60, immediate: true });
		const src = framesOf(image({ frames: 50 }), s.shared);
		for (let n = 0; n < 120; n++) {
			src.want(n % 50, 1);
			await settle();
			expect(src.peek(n % 50), `frame ${n}`).toBeDefined();
			expect(s.shared.memory.used).toBeLessThanOrEqual(60);
		}
	});
	test('several sources share the bound', async () => {
		const s = new Server({ limit: 96, immediate: true });
		const all = Array.from({ length: 4 }, (_, i) => framesOf(image({ number: i + 1 }), s.shared));
		for (const src of all) src.want(0, 0);
		for (let i = 0; i < 60; i++) await settle();
		expect(s.shared.memory.used).toBeLessThanOrEqual(96);
		for (const src of all) expect(src.peek(0)).toBeDefined();
		all[0]!.close();
		for (let i = 0; i < 60; i++) await settle();
		expect(s.shared.memory.used).toBeLessThanOrEqual(96);
	});
	test('tries again where an error may pass, with longer and longer pauses', async () => {
		const s = new Server({ parallel: 1, tries: 3 });
		const src = framesOf(image({ frames: 1 }), s.shared);
		const f = src.load(0);
		await s.of(0).refuse(new TypeError('Failed to fetch'));
		await s.of(0).refuse(Object.assign(new Error('busy'), { status: 503 }));
		expect(s.waits).toEqual([250, 500]);
		await s.of(0).answer();
		expect((await f).kind).toBe('grey');
	});
	test('gives up after its tries, in words', async () => {
		const s = new Server({ tries: 2 });
		const f = framesOf(image({ frames: 1 }), s.shared).load(0);
		const failed = expect(f).rejects.toThrow('The server cannot be reached.');
		await s.of(0).refuse(new TypeError('Failed to fetch'));
		await s.of(0).refuse(new TypeError('Failed to fetch'));
		await failed;
		expect(s.asked.length).toBe(2);
	});
	test('a refusal is told as it is and ends fetching ahead until the server gives frames again', async () => {
		const s = new Server({ parallel: 1 });
		const src = framesOf(image(), s.shared);
		const refusal = Object.assign(new Error('its turn has not come'), { status: 404 });
		const f = src.load(2);
		const failed = expect(f).rejects.toBe(refusal);
		await s.of(2).refuse(refusal);
		await failed;
		src.want(2, 1);
		expect(s.numbers).toEqual([2]);
		const again = src.load(2);
		await s.of(2).answer();
		await again;
		expect(s.numbers.length).toBeGreaterThan(2);
	});
	test('who does not wait any more does not hold a request', async () => {
		const s = new Server({ parallel: 1, limit: 12 });
		const src = framesOf(image(), s.shared);
		src.want(0, 1);
		const c = new AbortController();
		const f = src.load(9, c.signal);
		const failed = expect(f).rejects.toThrow();
		const asked = s.of(9);
		c.abort();
		await failed;
		expect(asked.signal.aborted).toBe(true);
		await expect(src.load(9, c.signal)).rejects.toThrow();
	});
	test('tells its progress; closing ends everything', async () => {
		const s = new Server({ parallel: 3 });
		const src = framesOf(image(), s.shared);
		const told = vi.fn();
		const stop = src.onProgress(told);
		src.want(0, 1);
		await s.of(0).answer();
		expect(told.mock.calls).toEqual([[0, 10], [1, 10]]);
		stop();
		const f = src.load(5);
		const failed = expect(f).rejects.toThrow('closed');
		src.close();
		await failed;
		expect(s.asked.every((a) => a.n === 0 || a.signal.aborted)).toBe(true);
		expect(s.shared.memory.used).toBe(0);
		expect(s.shared.requests.running).toBe(0);
		await expect(src.load(0)).rejects.toThrow('closed');
	});
	test('slices of a stack are frames of their images', async () => {
		const s = new Server();
		const images = [3, 1, 2].map((number) => image({ number, frames: 1, times_ms: [0] }));
		const src = slicesOf(images.map((im) => ({ image: im, frame: 0 })), s.shared);
		expect(src.image.frames).toBe(3);
		expect(src.image.times_ms).toBeUndefined();
		expect(src.at(1).image.number).toBe(1);
		const f = src.load(1);
		expect(s.asked[0]).toMatchObject({ image: 1, n: 0 });
		await s.asked[0]!.answer();
		await f;
		expect(() => src.at(3)).toThrow('no frame 3');
		await expect(src.load(3)).rejects.toThrow('no frame 3');
		expect(() => slicesOf([], s.shared)).toThrow('without slices');
	});
	test('which errors may pass', () => {
		expect([new TypeError('x'), { status: 503 }, { status: 429 }, { status: 404 }, { status: 401 }, new Error('corrupt')].map(passing)).toEqual([true, true, true, false, false, false]);
	});
});
