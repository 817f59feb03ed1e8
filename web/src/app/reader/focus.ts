/** Without a key, a pointer or a wheel for so long nobody is reading, ms. */
export const IDLE = 60_000;
/** A gap between two ticks that is longer than this was no reading: the machine slept. */
const GAP = 5_000;

/** Time spent in focus, ms: the page is seen, has the focus, and somebody did something in the last {@link IDLE} ms. */
export class Focus {
	#seen: boolean;
	#active: number;
	#last: number;
	#spent = 0;

	/** now: ms of a clock that only goes forward (performance.now). */
	constructor(now: number, seen: boolean) {
		this.#last = this.#active = now;
		this.#seen = seen;
	}

	/** Somebody did something. */
	active(now: number) {
		this.tick(now);
		this.#active = now;
	}

	/** The page came into view and focus, or left. */
	see(seen: boolean, now: number) {
		this.tick(now);
		if (seen && !this.#seen) this.#active = now;
		this.#seen = seen;
	}

	/** Counts what has passed since the last call. To be called every second or so. */
	tick(now: number) {
		const from = this.#last;
		this.#last = Math.max(now, from);
		if (!this.#seen || now - from > GAP) return;
		this.#spent += Math.max(0, Math.min(now, this.#active + IDLE) - from);
	}

	/** Seconds since they were last taken, to a tenth. What is taken and not delivered is put back with {@link give}. */
	take(): number {
		const s = Math.floor(this.#spent / 100) / 10;
		this.#spent -= s * 1000;
		return s;
	}

	give(seconds: number) {
		this.#spent += seconds * 1000;
	}
}
