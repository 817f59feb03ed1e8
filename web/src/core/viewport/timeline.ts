/** ms of a frame where the header does not say: 30 a second */
export const DEFAULT_MS = 1000 / 30;

/** Where a loop is after some time. */
export interface Moment {
	/** frames since the loop began, without end: what is not shown can be counted */
	readonly step: number;
	readonly frame: number;
}

/**
 * A loop's frames in time. Each frame is shown until the next one's time; the last one as long as frames last in the median, because the header
 * does not say when it ends.
 */
export class Timeline {
	/** frames of one round, in their order */
	readonly #order: number[];
	/** ms from the round's beginning to each frame's end */
	readonly #ends: number[] = [];

	constructor(frames: number, times: readonly number[] | undefined, [from, to]: readonly [number, number], sweep: boolean) {
		const lasts = durations(frames, times);
		const forth = Array.from({ length: to - from + 1 }, (_, i) => from + i);
		this.#order = sweep ? [...forth, ...forth.slice(1, -1).reverse()] : forth;
		let end = 0;
		for (const n of this.#order) this.#ends.push((end += lasts[n]!));
	}

	/** of a round, ms */
	get length(): number {
		return this.#ends[this.#ends.length - 1]!;
	}

	/** frames of a round */
	get steps(): number {
		return this.#order.length;
	}

	frameOf(step: number): number {
		return this.#order[step % this.#order.length]!;
	}

	/** Time at which a step begins, ms since the loop began. */
	beginning(step: number): number {
		const i = step % this.steps;
		return Math.floor(step / this.steps) * this.length + (i > 0 ? this.#ends[i - 1]! : 0);
	}

	/** What is to be seen after so many ms. */
	at(ms: number): Moment {
		const rounds = Math.floor(ms / this.length);
		const rest = ms - rounds * this.length;
		let lo = 0, hi = this.#ends.length - 1;
		while (lo < hi) {
			const mid = (lo + hi) >> 1;
			// A time that a sum of fractions misses by a billionth is the next frame's.
			if (rest + 1e-6 < this.#ends[mid]!) hi = mid;
			else lo = mid + 1;
		}
		return { step: rounds * this.steps + lo, frame: this.#order[lo]! };
	}

	/** The first step of a round that shows a frame; of one outside of the loop the beginning. */
	stepOf(frame: number): number {
		return Math.max(0, this.#order.indexOf(frame));
	}
}

/** How long each frame is shown, ms. Times that do not rise are of no use: then 30 frames a second. */
export function durations(frames: number, times: readonly number[] | undefined): number[] {
	const out: number[] = [];
	if (times && times.length === frames && frames > 1) {
		for (let i = 1; i < frames; i++) out.push(times[i]! - times[i - 1]!);
		if (out.every((d) => d > 0 && Number.isFinite(d))) {
			const sorted = [...out].sort((a, b) => a - b);
			out.push(sorted[sorted.length >> 1]!);
			return out;
		}
	}
	return new Array<number>(frames).fill(DEFAULT_MS);
}
