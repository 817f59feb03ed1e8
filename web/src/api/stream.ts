/**
 * The stream: what happens in a study, as it happens, and what one does in it, also without a connection.
 *
 *     const stream = openStream(who.name);                  // once, for the whole app; who from /api/me
 *     const off = stream.onEvent((e) => …);                 // events of one's own stream, from now on, each once and in order
 *     await stream.do({ kind: 'answer.put', data: { reading, answer } });   // object and base may be left out
 *     stream.attend({ reading, image: 1, frame: 12 });      // say where one is, at each change of frame; undefined on leaving the page
 *     stream.draw({ reading, image, frame, item, shape });  // while drawing; once more with done: true at the end
 *     const lease = await stream.lease({ reading, item, image, frame });    // before the first stroke in a reading that is shared;
 *     lease.onLost((why) => …); lease.release();            //  renewed by itself until then
 *     stream.close();                                       // leaving the app; stream.logout() when the reader logs out
 *
 * Read with GET /api/readings/ID after opening the stream; an event whose version is not newer than what one has is old news.
 * base is the version that one looks at (answer.version); left out it is what this page wrote last, and a change by somebody else is a conflict.
 * `do` gives a promise of the receipt (numbers of record in receipt.data). Answers, comments and time wait in IndexedDB while there is no
 * connection, over a reload too; other kinds reject with {@link Offline} at once. An answer that somebody else changed meanwhile rejects with
 * Refused (409) and appears in `conflicts` with mine and theirs. Stores (`connection`, `waiting`, `presence`, `live`, `leases`, `comments`,
 * `conflicts`) have get() and subscribe(), so that a Svelte component may write `const { presence } = stream;` and `$presence`.
 */
import { Refused } from './client';
import { Cell, type Readable } from './observable';
import { Offline, Outbox, type Conflict } from './outbox';
import { KeptQueue, MemoryQueue, type Queue } from './queue';
import { Room, type HeldLease } from './room';
import type { Comment, Drawing, Lease, LiveDrawing, PaintPlace, Person, Place } from './team';
import { serverSent, socket, type Browser, type Message, type Transport } from './transport';
import type { Op, ReadingView, Receipt, StreamEvent } from './types';

export { Offline };
export type { Comment, Conflict, Drawing, HeldLease, Lease, LiveDrawing, PaintPlace, Person, Place };

export interface Connection {
	/** ended: there is no session any more; one has to log in */
	readonly state: 'connecting' | 'online' | 'offline' | 'ended';
	readonly by?: 'socket' | 'events';
	/** ms until the next try, from when it was said */
	readonly retry?: number;
}

export interface StreamOptions {
	readonly who: string;
	readonly browser: Browser;
	readonly queue: Queue;
	/** 0 to 1, for the jitter */
	readonly random?: () => number;
	readonly now?: () => number;
}

const shortest = 500, longest = 30_000; // ms between tries
const probe = 20_000, patience = 10_000; // ms without a word until one asks, and then until one gives up

export class Stream {
	readonly connection: Readable<Connection>;
	readonly waiting: Readable<number>;
	readonly conflicts: Readable<readonly Conflict[]>;
	readonly presence: Readable<readonly Person[]>;
	readonly live: Readable<readonly LiveDrawing[]>;
	readonly leases: Readable<readonly Lease[]>;
	readonly comments: Readable<readonly Comment[]>;

	readonly #connection = new Cell<Connection>({ state: 'connecting' });
	readonly #outbox: Outbox;
	readonly #room: Room;
	readonly #listeners = new Set<(e: StreamEvent) => void>();
	readonly #asked = new Map<string, { resolve(r: Receipt): void; reject(e: unknown): void }>();
	readonly #now: () => number;
	#transport: Transport | undefined;
	#after: number | 'end' = 'end';
	#tries = 0;
	#told = false; // something came over this connection
	#silent = 0; // connections in a row that ended before a word
	#by: 'socket' | 'events' = 'socket';
	#timer: ReturnType<typeof setTimeout> | undefined;
	#watch: ReturnType<typeof setTimeout> | undefined;
	#closed = false;

	constructor(private readonly o: StreamOptions) {
		this.#now = o.now ?? (() => performance.now());
		const send = (op: Op) => this.#send(op);
		this.#outbox = new Outbox({
			who: o.who, queue: o.queue, send, newId, look: (id) => this.#get<ReadingView>(`/api/readings/${id}`),
			// Not renewed: it is for this answer, and ends by itself.
			lease: (reading, a) => this.#ask({ kind: 'lease.take', data: { reading, item: a.item, image: a.image ?? 0, frame: a.frame ?? 0 } }),
			wait: (ms) => new Promise((done) => setTimeout(done, ms)),
		});
		this.#room = new Room({
			send: (op) => this.#connection.get().state === 'online' && (send(op), true),
			ask: (op) => this.#ask(op),
			comments: (id) => this.#get<readonly Comment[]>(`/api/readings/${id}/comments`),
			pace: () => (this.#by === 'socket' ? 50 : 250),
			now: this.#now,
		});
		this.connection = this.#connection;
		this.waiting = this.#outbox.waiting;
		this.conflicts = this.#outbox.conflicts;
		({ presence: this.presence, live: this.live, leases: this.leases, comments: this.comments } = this.#room);
		void this.#outbox.start();
		this.#connect();
	}

	do(op: Op): Promise<Receipt> {
		return this.#outbox.do(op);
	}

	onEvent(f: (e: StreamEvent) => void): () => void {
		this.#listeners.add(f);
		return () => this.#listeners.delete(f);
	}

	attend(at: Place | undefined): void {
		this.#room.attend(at);
	}

	draw(d: Drawing): void {
		this.#room.draw(d);
	}

	lease(at: PaintPlace): Promise<HeldLease> {
		return this.#room.lease(at);
	}

	/** Tries again now, as when the network comes back. */
	retry(): void {
		if (this.#closed || this.#transport || this.#connection.get().state === 'ended') return;
		this.#tries = 0;
		this.#connect();
	}

	close(): void {
		this.#closed = true;
		clearTimeout(this.#timer);
		clearTimeout(this.#watch);
		this.#room.close();
		this.#transport?.close();
		this.#lost();
	}

	/** Ends, and deletes what waits: nobody who uses this machine next finds it. */
	async logout(): Promise<void> {
		this.close();
		await this.#outbox.clear();
	}

	#connect(): void {
		clearTimeout(this.#timer);
		this.#connection.set({ state: 'connecting', by: this.#by });
		this.#told = false;
		const open = this.#by === 'socket' ? socket : serverSent;
		const mine: Transport = open(this.o.browser, this.#after, {
			message: (m) => {
				if (this.#transport !== mine) return;
				if (!this.#told) {
					this.#told = true;
					this.#tries = this.#silent = 0;
					this.#connection.set({ state: 'online', by: this.#by });
					if (m.stream) this.#after = m.stream.after;
					this.#outbox.connected();
					this.#room.connected();
				}
				this.#alive();
				this.#take(m);
			},
			closed: (session) => {
				if (this.#transport === mine) void this.#over(session);
			},
		});
		this.#transport = mine;
		this.#alive();
	}

	/** Somebody is at the other end. After a long silence one asks, and after that one does not believe it any more. */
	#alive(): void {
		clearTimeout(this.#watch);
		this.#watch = setTimeout(() => {
			void this.#ask({ kind: 'presence', data: this.#room.place }).catch(() => undefined);
			this.#watch = setTimeout(() => {
				this.#transport?.close();
				void this.#over(false);
			}, patience);
		}, probe);
	}

	async #over(session: boolean): Promise<void> {
		this.#lost();
		if (this.#closed) return;
		if (!session && !this.#told) {
			this.#silent++;
			if (this.#silent % 2 === 0) this.#by = this.#by === 'socket' ? 'events' : 'socket'; // something between lets this one not through
			session = await this.#loggedOut();
			if (this.#closed || this.#transport) return;
		}
		if (session) return this.#connection.set({ state: 'ended' });
		const random = this.o.random ?? Math.random;
		const retry = Math.min(longest, shortest * 2 ** this.#tries++) * (0.5 + random() / 2);
		this.#connection.set({ state: 'offline', retry });
		this.#timer = setTimeout(() => this.#connect(), retry);
	}

	#lost(): void {
		this.#transport = undefined;
		clearTimeout(this.#watch);
		this.#outbox.disconnected();
		this.#room.disconnected();
		for (const a of this.#asked.values()) a.reject(new Offline());
		this.#asked.clear();
	}

	async #loggedOut(): Promise<boolean> {
		try {
			return (await this.o.browser.fetch(`${this.o.browser.origin}/api/me`)).status === 401;
		} catch {
			return false;
		}
	}

	#take(m: Message): void {
		for (const e of m.events ?? []) {
			if (typeof this.#after === 'number' && e.n <= this.#after) continue;
			this.#after = e.n;
			this.#room.event(e);
			for (const f of [...this.#listeners]) f(e);
		}
		const op = m.receipt?.op ?? m.op;
		const asked = op === undefined ? undefined : this.#asked.get(op);
		if (asked && op !== undefined) {
			this.#asked.delete(op);
			if (m.receipt) asked.resolve(m.receipt);
			else if (m.refused) asked.reject(new Refused(m.refused.status, m.refused.code, m.refused.message));
		} else if (m.receipt) this.#outbox.receipt(m.receipt);
		else if (m.refused) void this.#outbox.refused(m.op, m.refused);
		this.#room.message(m);
	}

	#send(op: Op): void {
		try {
			this.#transport?.send(op);
		} catch {
			// it has just ended, and says so by itself
		}
	}

	/** Sends what is no op of the log and waits for the answer. */
	#ask(op: Op): Promise<Receipt> {
		if (!this.#transport || this.#connection.get().state !== 'online') return Promise.reject(new Offline());
		const id = newId();
		return new Promise((resolve, reject) => {
			this.#asked.set(id, { resolve, reject });
			this.#send({ ...op, id });
		});
	}

	async #get<T>(path: string): Promise<T> {
		const r = await this.o.browser.fetch(this.o.browser.origin + path);
		const body = (await r.json()) as unknown;
		if (r.ok) return body as T;
		const no = body as { code: string; message: string };
		throw new Refused(r.status, no.code, no.message);
	}
}

/** 128 random bits in hexadecimal, as the server names things. */
export function newId(): string {
	return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}

/** The stream of this page. */
export function openStream(who: string): Stream {
	const queue = 'indexedDB' in globalThis ? new KeptQueue(indexedDB, firstWindow()) : new MemoryQueue();
	const stream = new Stream({ who, queue, browser: { WebSocket, EventSource, fetch: (...a) => fetch(...a), origin: location.origin } });
	addEventListener('online', () => stream.retry());
	return stream;
}

/** Whether this is the only window of the app, until it closes. */
function firstWindow(): Promise<boolean> {
	if (!('locks' in navigator)) return Promise.resolve(true);
	return new Promise((resolve) => {
		void navigator.locks.request('cineloop-reading', { ifAvailable: true }, (lock) => {
			resolve(lock !== null);
			return lock ? new Promise<void>(() => undefined) : undefined;
		});
	});
}
