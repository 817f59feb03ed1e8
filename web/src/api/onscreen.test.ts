import { expect, it } from 'vitest';
import { OnScreen } from './onscreen';

it('adds up what is on the screen while the page has the focus', () => {
	let now = 0;
	const s = new OnScreen(() => now);
	const still = { image: 1, from: 3, to: 3 };
	s.show('a', still);
	now = 1000;
	s.show('a', { image: 1, from: 0, to: 9, center: 40, width: 80 });
	s.show('b', { image: 2, from: 0, to: 0 });
	now = 1500;
	s.focus(false);
	now = 9000;
	s.focus(true);
	now = 9500;
	s.show('a', still);
	s.show('b', undefined);
	now = 10_000;
	expect(s.take()).toEqual([
		{ ...still, seconds: 1.5 },
		{ image: 1, from: 0, to: 9, center: 40, width: 80, seconds: 1 },
		{ image: 2, from: 0, to: 0, seconds: 1 },
	]);
	now = 10_250;
	expect(s.take()).toEqual([{ ...still, seconds: 0.25 }]);
	s.give([{ ...still, seconds: 3 }]);
	expect(s.take(2)).toEqual([{ ...still, seconds: 2 }]);
	s.show('a', still);
	now += 10;
	expect(s.take(0)).toEqual([]);
	for (let frame = 0; frame < 100; frame++) {
		s.show('a', { image: 1, from: frame, to: frame });
		now += frame;
	}
	const long = s.take();
	expect(long.length).toBe(64);
	expect(long[0]).toEqual({ image: 1, from: 99, to: 99, seconds: 0.099 });
});
