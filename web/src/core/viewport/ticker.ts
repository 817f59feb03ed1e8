import type { Unsubscribe } from '../contract';

/** The browser's clock and its beat before each picture of the screen. */
export interface Beat {
	/** ms */
	now(): number;
	request(f: (now: number) => void): number;
	cancel(id: number): void;
}

export const screenBeat: Beat = {
	now: () => performance.now(),
	request: (f) => requestAnimationFrame(f),
	cancel: (id) => cancelAnimationFrame(id),
};

/**
 * One beat for all viewports of a page: first every clock goes on, then everything is painted that changed, so that what is shown together
 * changes together. It beats only while somebody wants it to.
 */
export class Ticker {
	readonly #clocks = new Set<(now: number) => void>();
	readonly #paints = new Set<(now: number) => void>();
	#pending: number | undefined;

	constructor(readonly beat: Beat = screenBeat) {}

	/** Calls f before each picture. */
	clock(f: (now: number) => void): Unsubscribe {
		this.#clocks.add(f);
		this.#ask();
		return () => this.#clocks.delete(f);
	}

	/** Calls f once, before the next picture, after all clocks. */
	paint(f: (now: number) => void): void {
		this.#paints.add(f);
		this.#ask();
	}

	forget(f: (now: number) => void): void {
		this.#paints.delete(f);
	}

	#ask(): void {
		this.#pending ??= this.beat.request((now) => this.#tick(now));
	}

	#tick(now: number): void {
		this.#pending = undefined;
		for (const f of [...this.#clocks]) f(now);
		for (let round = 0; this.#paints.size > 0 && round < 3; round++) {
			// What is painted may change what others show (synchronised viewports): they are painted in the same picture.
			const todo = [...this.#paints];
			this.#paints.clear();
			for (const f of todo) f(now);
		}
		if (this.#clocks.size > 0 || this.#paints.size > 0) this.#ask();
	}
}

/** The page's own. */
let shared: Ticker | undefined;
export const pageTicker = (): Ticker => (shared ??= new Ticker());
