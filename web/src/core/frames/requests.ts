/** Who wants frames fetched. */
export interface Client {
	/** The frame to fetch next, not being fetched yet, and how soon it is wanted: −1 somebody waits for it. Undefined: nothing. */
	next(): { readonly n: number; readonly rank: number } | undefined;
	/** How soon a frame is wanted: −1 somebody waits for it, Infinity not any more. */
	urgency(n: number): number;
	/** It is not being fetched any more. */
	given(n: number): void;
	/** Fetches and decodes. */
	fetch(n: number, signal: AbortSignal): Promise<void>;
	/** It is of no use to try again. */
	failed(n: number, error: Error): void;
}

export interface RequestOptions {
	/** at a time; one more where somebody waits. A browser has six connections to a host without HTTP/2, and ops and events need some. */
	readonly parallel?: number;
	/** tries of one frame */
	readonly tries?: number;
	/** of the first pause between tries, doubled each time; ms */
	readonly pause?: number;
	readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
	/** 0…1, for the pauses */
	readonly chance?: () => number;
}

interface Job {
	readonly client: Client;
	readonly n: number;
	readonly control: AbortController;
}

/** Fetches frames of all sources, few at a time, what is wanted soonest first; what is not wanted any more is given up. */
export class Requests {
	readonly #clients = new Set<Client>();
	readonly #jobs = new Set<Job>();
	readonly #parallel: number;
	readonly #tries: number;
	readonly #pause: number;
	readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
	readonly #chance: () => number;

	constructor(o: RequestOptions = {}) {
		this.#parallel = o.parallel ?? 4;
		this.#tries = o.tries ?? 5;
		this.#pause = o.pause ?? 250;
		this.#sleep = o.sleep ?? sleep;
		this.#chance = o.chance ?? Math.random;
	}

	/** How many are under way. */
	get running(): number {
		return this.#jobs.size;
	}

	open(c: Client): void {
		this.#clients.add(c);
	}

	close(c: Client): void {
		this.#clients.delete(c);
		for (const j of this.#jobs) if (j.client === c) this.#give(j);
		this.pump();
	}

	/** Looks at what is wanted now: after every wish. */
	pump(): void {
		for (const j of this.#jobs) if (j.client.urgency(j.n) === Infinity) this.#give(j);
		for (;;) {
			let best: { client: Client; n: number; rank: number } | undefined;
			for (const client of this.#clients) {
				const w = client.next();
				if (w && (!best || w.rank < best.rank)) best = { client, ...w };
			}
			if (!best) return;
			if (this.#jobs.size >= this.#parallel + (best.rank < 0 ? 1 : 0) && !(best.rank < 0 && this.#yield())) return;
			const job: Job = { client: best.client, n: best.n, control: new AbortController() };
			this.#jobs.add(job);
			void this.#run(job);
		}
	}

	/** Gives up what is wanted last, for somebody who waits. False: somebody waits for each. */
	#yield(): boolean {
		let last: { job: Job; rank: number } | undefined;
		for (const job of this.#jobs) {
			const rank = job.client.urgency(job.n);
			if (rank >= 0 && rank >= (last?.rank ?? 0)) last = { job, rank };
		}
		if (last) this.#give(last.job);
		return last !== undefined;
	}

	/** Gives a job up; its promise ends later and changes nothing. */
	#give(j: Job): void {
		this.#jobs.delete(j);
		j.client.given(j.n);
		j.control.abort();
	}

	async #run(j: Job): Promise<void> {
		const { client, n, control } = j;
		for (let attempt = 1; ; attempt++) {
			try {
				await client.fetch(n, control.signal);
				break;
			} catch (e) {
				if (control.signal.aborted) break;
				if (attempt >= this.#tries || !passing(e)) {
					client.failed(n, inWords(e));
					break;
				}
			}
			try {
				await this.#sleep(this.#pause * 2 ** (attempt - 1) * (0.5 + this.#chance()), control.signal);
			} catch {
				break;
			}
		}
		if (this.#jobs.delete(j)) this.pump();
	}
}

/** Whether an error may pass by itself: no connection, a server that is overloaded or restarts. */
export function passing(e: unknown): boolean {
	const status = (e as { status?: unknown } | undefined)?.status;
	if (typeof status === 'number') return status === 408 || status === 429 || status >= 500;
	return e instanceof TypeError; // what fetch says where there is no connection
}

function inWords(e: unknown): Error {
	if (e instanceof TypeError) return new Error('The server cannot be reached.', { cause: e });
	return e instanceof Error ? e : new Error(String(e));
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve, reject) => {
		const stop = () => {
			clearTimeout(timer);
			reject(signal.reason as Error);
		};
		const timer = setTimeout(() => {
			signal.removeEventListener('abort', stop);
			resolve();
		}, ms);
		signal.addEventListener('abort', stop, { once: true });
	});
}
