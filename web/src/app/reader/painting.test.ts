import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Lease, PaintPlace } from '../../api/team';
import { Painting } from './painting';

const place: PaintPlace = { reading: 'r', item: 'lv', image: 1, frame: 3 };

function make(over: { together?: boolean; leases?: readonly Lease[]; refuse?: string } = {}) {
	const log: string[] = [], said: string[] = [];
	let lose: (why: string) => void = () => {};
	const p = new Painting({
		who: 'ann',
		together: () => over.together ?? true,
		leases: () => over.leases ?? [],
		say: (text) => said.push(text),
		lease: (at) => {
			log.push(`take ${at.frame}`);
			if (over.refuse) return Promise.reject(new Error(over.refuse));
			return Promise.resolve({ place: at, release: () => void log.push(`release ${at.frame}`), onLost: (f) => (lose = f) });
		},
	});
	return { p, log, said, lose: (why: string) => lose(why) };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());
const settle = () => vi.advanceTimersByTimeAsync(0);

test('alone nothing is asked for', () => {
	const m = make({ together: false });
	expect(m.p.begin(place)).toBe(true);
	expect(m.log).toEqual([]);
});

test('one lease a mask, kept over strokes, let go of after a rest or elsewhere', async () => {
	const m = make();
	expect(m.p.begin(place)).toBe(true);
	await settle();
	expect(m.p.begin({ ...place })).toBe(true);
	expect(m.log).toEqual(['take 3']);
	expect(m.p.begin({ ...place, frame: 4 })).toBe(true);
	await settle();
	expect(m.log).toEqual(['take 3', 'release 3', 'take 4']);
	await vi.advanceTimersByTimeAsync(9_999);
	expect(m.log.length).toBe(3);
	await vi.advanceTimersByTimeAsync(1);
	expect(m.log.at(-1)).toBe('release 4');
});

test('where somebody else paints no stroke begins; one’s own lease keeps nobody out', async () => {
	const m = make({ leases: [{ ...place, holder: 'bob', ms: 9000 }] });
	expect(m.p.begin(place)).toBe(false);
	expect(m.said).toEqual(['bob is painting this mask.']);
	expect(m.p.begin({ ...place, item: 'la' })).toBe(true);
	const own = make({ leases: [{ ...place, holder: 'ann', ms: 9000 }] });
	expect(own.p.begin(place)).toBe(true);
	await settle();
});

test('a refusal and a loss are said, and the next stroke asks again', async () => {
	const m = make({ refuse: 'bob paints it' });
	expect(m.p.begin(place)).toBe(true);
	await settle();
	expect(m.said).toEqual(['bob paints it']);
	m.p.begin(place);
	expect(m.log).toEqual(['take 3', 'take 3']);
	await settle();
	const n = make();
	n.p.begin(place);
	await settle();
	n.lose('it was taken');
	expect(n.said).toEqual(['it was taken']);
	n.p.begin(place);
	expect(n.log).toEqual(['take 3', 'take 3']);
});

test('a lease that comes after one has gone is let go of', async () => {
	const m = make();
	m.p.begin(place);
	m.p.end();
	await settle();
	expect(m.log).toEqual(['take 3', 'release 3']);
});
