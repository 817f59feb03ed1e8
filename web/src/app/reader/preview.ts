import type { Drawn, Result } from '../../api/types';

/** What came of a look at numbers: results, or the server's words. */
export type Previewed = { readonly results: readonly Result[] } | { readonly words: string };

/**
 * Numbers while one draws: asks the server at most once in so many ms, one question at a time, and of questions that come meanwhile
 * the last. Old answers are not told.
 */
export class Preview {
	#next: { readonly shapes: readonly Drawn[]; readonly tell: (p: Previewed) => void } | undefined;
	#busy = false;
	#asked = -Infinity;
	#timer: unknown;

	constructor(
		readonly ask: (shapes: readonly Drawn[]) => Promise<readonly Result[]>,
		readonly every = 100,
		readonly now = () => performance.now(),
		readonly later: (f: () => void, ms: number) => unknown = (f, ms) => setTimeout(f, ms),
	) {}

	measure(shapes: readonly Drawn[], tell: (p: Previewed) => void) {
		this.#next = { shapes, tell };
		this.#pump();
	}

	/** What was asked is not wanted any more. */
	drop() {
		this.#next = undefined;
	}

	#pump() {
		if (this.#busy || this.#timer !== undefined || !this.#next) return;
		const wait = this.#asked + this.every - this.now();
		if (wait > 0) {
			this.#timer = this.later(() => {
				this.#timer = undefined;
				this.#pump();
			}, wait);
			return;
		}
		const mine = this.#next;
		this.#next = undefined;
		this.#busy = true;
		this.#asked = this.now();
		this.ask(mine.shapes)
			.then((results): Previewed => ({ results }), (e: unknown): Previewed => ({ words: e instanceof Error ? e.message : String(e) }))
			.then((p) => {
				this.#busy = false;
				if (!this.#next) mine.tell(p);
				this.#pump();
			});
	}
}
