/** Who keeps frames in memory. */
export interface Holder {
	/** How soon frame n is wanted: 0 it is looked at, then by order; Infinity not at all. */
	rank(n: number): number;
	/** Lets go of frame n. */
	drop(n: number): void;
}

interface Entry {
	readonly holder: Holder;
	readonly n: number;
	readonly bytes: number;
	used: number;
}

const MiB = 2 ** 20;

/**
 * Bounds what all sources of a page keep, in bytes. What is wanted last goes first; among what is not wanted any more, what was used longest
 * ago. What is looked at stays, even where it alone is above the bound.
 */
export class Memory {
	readonly #entries = new Map<Holder, Map<number, Entry>>();
	#used = 0;
	#tick = 0;

	constructor(readonly limit = 512 * MiB) {}

	/** bytes */
	get used(): number {
		return this.#used;
	}

	/** Bytes that each source can count on. */
	get share(): number {
		return this.limit / Math.max(1, this.#entries.size);
	}

	open(h: Holder): void {
		if (!this.#entries.has(h)) this.#entries.set(h, new Map());
	}

	/** Forgets a holder with all that it keeps. */
	close(h: Holder): void {
		for (const e of this.#entries.get(h)?.values() ?? []) this.#used -= e.bytes;
		this.#entries.delete(h);
	}

	touch(h: Holder, n: number): void {
		const e = this.#entries.get(h)?.get(n);
		if (e) e.used = ++this.#tick;
	}

	/** Makes room for a frame. False: all else is wanted sooner, and the frame must not be kept. */
	keep(h: Holder, n: number, bytes: number): boolean {
		const own = this.#entries.get(h);
		if (!own) return false;
		const rank = h.rank(n);
		while (this.#used + bytes > this.limit) {
			const last = this.#last();
			if (!last) break;
			if (last.rank === 0) {
				if (rank > 0) return false;
				break;
			}
			if (last.rank < rank) return false;
			this.#remove(last.entry);
		}
		this.#remove(own.get(n));
		own.set(n, { holder: h, n, bytes, used: ++this.#tick });
		this.#used += bytes;
		return true;
	}

	/** What is wanted last. */
	#last(): { entry: Entry; rank: number } | undefined {
		let best: { entry: Entry; rank: number } | undefined;
		for (const own of this.#entries.values()) {
			for (const entry of own.values()) {
				const rank = entry.holder.rank(entry.n);
				if (!best || rank > best.rank || (rank === best.rank && entry.used < best.entry.used)) best = { entry, rank };
			}
		}
		return best;
	}

	#remove(e: Entry | undefined): void {
		if (!e) return;
		this.#entries.get(e.holder)?.delete(e.n);
		this.#used -= e.bytes;
		e.holder.drop(e.n);
	}
}
