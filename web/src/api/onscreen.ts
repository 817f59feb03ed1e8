/** What was on the screen, gathered between two ops of the kind reading.time: `data: { reading, seconds, shown: screen.take() }`. */
export interface Shown {
	/** from 1 */
	readonly image: number;
	/** first and last frame that was shown, from 0 */
	readonly from: number;
	readonly to: number;
	readonly seconds: number;
	/** window, in values after rescaling; absent: as the picture says */
	readonly center?: number;
	readonly width?: number;
}

/** What a viewport shows from now on; while a cine plays, its loop. */
export type Screen = Omit<Shown, 'seconds'>;

/** The server takes as many in one op. */
const most = 64;
/** What waits to be taken, at most. */
const bound = 5000;

/** Adds up for how long what was shown, by viewport, while the page has the focus. */
export class OnScreen {
	readonly #now: () => number;
	readonly #viewports = new Map<string, { screen: Screen; since: number }>();
	readonly #sums = new Map<string, { screen: Screen; ms: number }>();
	#focus = true;

	/** now: ms of a clock that only goes forward. */
	constructor(now: () => number = () => performance.now()) {
		this.#now = now;
	}

	/** A viewport shows something else; undefined: nothing any more. */
	show(viewport: string, screen: Screen | undefined): void {
		this.#settle(viewport);
		if (screen) this.#viewports.set(viewport, { screen, since: this.#now() });
		else this.#viewports.delete(viewport);
	}

	/** The page got or lost the focus: time without it does not count. */
	focus(has: boolean): void {
		if (has === this.#focus) return;
		for (const v of this.#viewports.keys()) this.#settle(v);
		this.#focus = has;
	}

	/**
	 * What was shown since the last call, longest first, in as many entries as the server takes, none for longer than limit seconds: what counts as
	 * reading may be less than what was on the screen.
	 */
	take(limit = Infinity): Shown[] {
		for (const v of this.#viewports.keys()) this.#settle(v);
		const all = [...this.#sums.values()].filter((s) => s.ms > 0).sort((a, b) => b.ms - a.ms);
		this.#sums.clear();
		if (limit <= 0) return [];
		return all.slice(0, most).map((s) => ({ ...s.screen, seconds: Math.min(limit, s.ms / 1000) }));
	}

	/** Takes back what could not be delivered. */
	give(list: readonly Shown[]): void {
		for (const { seconds, ...screen } of list) this.#add(screen, seconds * 1000);
	}

	#settle(viewport: string): void {
		const v = this.#viewports.get(viewport);
		if (!v) return;
		const now = this.#now();
		if (this.#focus) this.#add(v.screen, now - v.since);
		v.since = now;
	}

	#add(screen: Screen, ms: number): void {
		const { image, from, to, center, width } = screen;
		const key = [image, from, to, center, width].join();
		const sum = this.#sums.get(key) ?? { screen, ms: 0 };
		sum.ms += ms;
		if (this.#sums.size > bound) this.#sums.clear(); // nobody takes it
		this.#sums.set(key, sum);
	}
}
