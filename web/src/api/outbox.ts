import { Refused } from './client';
import { Cell } from './observable';
import type { Queue, Waiting } from './queue';
import type { Refusal } from './transport';
import type { Answer, Op, ReadingView, Receipt } from './types';

/** Two answers to one question: what this browser wanted to write and what the server has meanwhile. */
export interface Conflict {
	/** of the op that was refused */
	readonly id: string;
	readonly mine: Op;
	/** undefined: there is none (removed meanwhile, or it is no matter of versions) */
	readonly theirs: Answer | undefined;
	/** the server's words */
	readonly message: string;
	/** mine can't be written any more: the reading is locked, or not there */
	readonly final: boolean;
	/** Writes mine over theirs. */
	keepMine(): Promise<Receipt>;
	/** Forgets mine. */
	takeTheirs(): void;
}

/** There is no connection, and this op is none that may wait for one. */
export class Offline extends Error {
	constructor() {
		super('there is no connection to the server');
		this.name = 'Offline';
	}
}

export interface OutboxOptions {
	readonly who: string;
	readonly queue: Queue;
	/** Sends over the connection that there is. */
	readonly send: (op: Op) => void;
	/** The reading as the server has it now. */
	readonly look: (reading: string) => Promise<ReadingView>;
	/** Takes the lease of a mask's place. */
	readonly lease: (reading: string, a: Answer) => Promise<unknown>;
	readonly newId: () => string;
	/** Waits, ms. */
	readonly wait: (ms: number) => Promise<void>;
}

/** What may wait for a connection, also over a reload: a reader's own drafts. */
const kept = new Set(['answer.put', 'answer.remove', 'comment', 'reading.time']);
/** The server has no room or too much to do: the op is sent again. */
const later = new Set([429, 503, 507]);

interface Line extends Waiting {
	stored: boolean;
	/** it may have arrived: its id stands for just these data */
	sent: boolean;
	readonly promises: { resolve(r: Receipt): void; reject(e: unknown): void }[];
}

interface Put {
	readonly reading: string;
	readonly answer?: Answer;
}

/** Ops on their way, one after the other, each taken once however often it has to be sent. */
export class Outbox {
	readonly waiting = new Cell(0);
	readonly conflicts = new Cell<readonly Conflict[]>([]);
	#line: Line[] = [];
	#n = 0;
	#flying: Line | undefined;
	#online = false;
	readonly #versions = new Map<string, number>();

	constructor(private readonly o: OutboxOptions) {}

	/** Takes over what an earlier page left. */
	async start(): Promise<void> {
		const left = await this.o.queue.open(this.o.who).catch(() => []);
		this.#line = [...left.map((w) => ({ ...w, stored: true, sent: true, promises: [] })), ...this.#line];
		this.#n = Math.max(this.#n, ...left.map((w) => w.n + 1));
		this.#changed();
		this.#pump();
	}

	/** Asks for an op. The promise is kept by the server's receipt, which may be long after where there is no connection. */
	do(op: Op): Promise<Receipt> {
		if (!this.#online && !kept.has(op.kind)) return Promise.reject(new Offline());
		return new Promise<Receipt>((resolve, reject) => this.#add(this.#built(op), { resolve, reject }));
	}

	connected(): void {
		this.#online = true;
		this.#flying = undefined; // whether it arrived is not known: the server takes it once
		this.#pump();
	}

	disconnected(): void {
		this.#online = false;
		this.#flying = undefined;
	}

	receipt(r: Receipt): void {
		const w = this.#line.find((l) => l.id === r.op);
		if (!w) return;
		if (r.object && r.version) this.#versions.set(r.object, Math.max(r.version, this.#versions.get(r.object) ?? 0));
		this.#drop(w);
		for (const p of w.promises) p.resolve(r);
		this.#pump();
	}

	async refused(id: string | undefined, r: Refusal): Promise<void> {
		const w = this.#line.find((l) => l.id === id);
		if (!w) return;
		if (r.status === 401) return; // it waits for the next session of the same reader
		if (later.has(r.status)) {
			await this.o.wait(2000);
			if (this.#flying === w) this.#flying = undefined;
			return this.#pump();
		}
		const conflict = r.status === 409 && (w.op.kind === 'answer.put' || w.op.kind === 'answer.remove');
		if (conflict) return this.#conflict(w, r);
		this.#drop(w);
		const e = new Refused(r.status, r.code, r.message);
		for (const p of w.promises) p.reject(e);
		if (!w.promises.length) this.#tell(w.op, undefined, r.message, true); // nobody waits for it since a reload: it must not vanish
		this.#pump();
	}

	/** Gives up everything that waits and deletes it. */
	async clear(): Promise<void> {
		for (const w of this.#line) for (const p of w.promises) p.reject(new Offline());
		this.#line = [];
		this.conflicts.set([]);
		this.#changed();
		await this.o.queue.clear().catch(() => undefined);
	}

	/**
	 * Names a new answer and says what an op builds on: on what is still on its way, else on what its asker saw, else on what this page wrote last.
	 * Never on what the stream told of others' changes: the asker may not have looked at these.
	 */
	#built(op: Op): Op & { readonly id: string } {
		const id = op.id ?? this.o.newId();
		if (op.kind !== 'answer.put' && op.kind !== 'answer.remove') return { ...op, id };
		const object = op.object ?? this.o.newId();
		const pending = this.#line.findLast((l) => l.op.object === object);
		const base = pending ? (pending.op.base ?? 0) + 1 : (op.base ?? this.#versions.get(object) ?? 0);
		return { ...op, id, object, base };
	}

	#add(op: Op & { readonly id: string }, promise: Line['promises'][number]): void {
		const last = this.#line.findLast((l) => l.op.object !== undefined && l.op.object === op.object);
		if (last && !last.sent && last.op.kind === 'answer.put' && op.kind === 'answer.put') {
			// An answer that was never sent: the newer one stands in its place, and nobody sees what came between.
			const newer: Line = { ...last, id: op.id, op: { ...op, base: last.op.base ?? 0 }, stored: false, promises: [...last.promises, promise] };
			this.#line[this.#line.indexOf(last)] = newer;
			void this.#store(newer, last.id);
			return;
		}
		const w: Line = { id: op.id, who: this.o.who, n: this.#n++, op, stored: false, sent: false, promises: [promise] };
		this.#line.push(w);
		this.#changed();
		void this.#store(w);
	}

	async #store(w: Line, instead?: string): Promise<void> {
		if (kept.has(w.op.kind)) await this.o.queue.put({ id: w.id, who: w.who, n: w.n, op: w.op }, instead).catch(() => undefined); // no room: it waits in this page
		if (!this.#line.includes(w)) return void this.o.queue.remove(w.id).catch(() => undefined); // a newer one took its place meanwhile
		w.stored = true;
		this.#pump();
	}

	#pump(): void {
		const first = this.#line[0];
		if (!this.#online || this.#flying || !first?.stored) return;
		this.#flying = first;
		first.sent = true;
		this.o.send(first.op);
	}

	#drop(w: Line): void {
		this.#line = this.#line.filter((l) => l !== w);
		if (this.#flying === w) this.#flying = undefined;
		void this.o.queue.remove(w.id).catch(() => undefined);
		this.#changed();
	}

	#changed(): void {
		this.waiting.set(this.#line.length);
	}

	async #conflict(w: Line, r: Refusal): Promise<void> {
		const { reading, answer } = (w.op.data ?? {}) as Put;
		let view: ReadingView;
		try {
			view = await this.o.look(reading);
		} catch (e) {
			if (e instanceof Refused && e.status === 404) return this.#give(w, undefined, r.message, true);
			if (this.#flying === w) this.#flying = undefined; // the connection went away: it is sent again
			return;
		}
		const theirs = view.answers.find((a) => a.id === w.op.object) ?? (answer && view.answers.find((a) => samePlace(a, answer)));
		if (w.op.kind === 'answer.remove' && !theirs) { // it is gone, as it should be
			this.#drop(w);
			for (const p of w.promises) p.resolve({ op: w.id, kind: w.op.kind });
			return this.#pump();
		}
		const mask = answer?.mask !== undefined && !view.locked && (theirs?.id === w.op.object || !theirs) && (theirs?.version ?? 0) === (w.op.base ?? 0);
		if (!mask) return this.#give(w, theirs, r.message, view.locked);
		try {
			await this.o.lease(reading, answer);
		} catch (e) {
			return this.#give(w, theirs, e instanceof Error ? e.message : r.message, false);
		}
		if (this.#flying === w) this.#flying = undefined;
		this.#pump();
	}

	/** Takes an op and those that built on it out of the line, and gives the newest of them to the reader to decide. */
	#give(w: Line, theirs: Answer | undefined, message: string, final: boolean): void {
		const all = this.#line.filter((l) => l === w || (l.op.object === w.op.object && l.op.object !== undefined));
		for (const l of all) this.#drop(l);
		const mine = (all.at(-1) ?? w).op;
		this.#tell(mine, theirs, message, final);
		for (const l of all) for (const p of l.promises) p.reject(new Refused(409, 'conflict', message));
		this.#pump();
	}

	#tell(mine: Op, theirs: Answer | undefined, message: string, final: boolean): void {
		const without = () => this.conflicts.set(this.conflicts.get().filter((c) => c !== conflict));
		const conflict: Conflict = {
			id: mine.id ?? '', mine, theirs, message, final,
			takeTheirs: without,
			keepMine: () => {
				without();
				const { id: _, base, object, ...rest } = mine;
				if (theirs?.id) return this.do({ ...rest, object: theirs.id, base: theirs.version ?? 0 });
				return this.do(object === undefined || base ? rest : { ...rest, object, base: 0 }); // what was removed is written anew
			},
		};
		this.conflicts.set([...this.conflicts.get().filter((c) => c.mine.object === undefined || c.mine.object !== mine.object), conflict]);
	}
}

/** Whether two answers answer the same question: there is one of a reading to each. */
function samePlace(a: Answer, b: Answer): boolean {
	return a.item === b.item && (a.image ?? 0) === (b.image ?? 0) && (a.frame ?? 0) === (b.frame ?? 0) && (a.to ?? 0) === (b.to ?? 0);
}
