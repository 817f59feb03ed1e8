import { Refused } from '../../api/client';
import type { Answer, Op, ReadingView, Receipt } from '../../api/types';
import { answerAt, keyOf, placeOfAnswer, type Place } from './place';

/**
 * Answers of one draft, kept at the server: each change is an op that builds on the version it was made from. One op of a place is under way
 * at a time; of what is wished meanwhile the last goes next. The same op keeps its id when it is sent again, so that it is taken once.
 */
export type Keeping =
	/** as the server has it */
	| 'saved'
	/** on its way */
	| 'saving'
	/** the server was not reached; it is tried again */
	| 'waiting'
	/** somebody changed it meanwhile: mine or theirs */
	| 'conflict'
	/** the server does not take it, with its words */
	| 'refused';

export interface Kept {
	readonly place: Place;
	/** as it is shown: the wish, or what is saved; undefined: removed */
	readonly answer: Answer | undefined;
	readonly keeping: Keeping;
	readonly why?: string;
	/** of a conflict; undefined: they removed it */
	readonly theirs?: Answer;
}

export interface AnswersOptions {
	readonly reading: string;
	readonly send: (op: Op) => Promise<Receipt>;
	/** the reading as the server has it, after a conflict */
	readonly again: () => Promise<ReadingView>;
	/** 32 hexadecimal digits by chance */
	readonly name?: () => string;
	/** calls f after so many ms */
	readonly later?: (f: () => void, ms: number) => void;
}

interface Entry {
	readonly place: Place;
	id: string;
	version: number;
	saved: Answer | undefined;
	/** null: to be removed; undefined: nothing is wished beyond what is saved */
	wish: Answer | null | undefined;
	/** under way, or not known to have arrived: it goes first, whatever is wished meanwhile */
	op: { readonly op: Op; readonly wish: Answer | null } | undefined;
	sending: boolean;
	keeping: Keeping;
	why: string;
	theirs: Answer | undefined;
	tries: number;
}

/** A name of the form that the server asks for: 32 hexadecimal digits. */
export const chance = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');

/** Not taken now, but perhaps later: no connection, too often, no room. */
const passing = (e: unknown): boolean => !(e instanceof Refused) || e.status === 429 || e.status >= 500;

export class Answers {
	readonly #o: Required<AnswersOptions>;
	readonly #entries = new Map<string, Entry>();
	readonly #listeners = new Set<() => void>();
	/** a lock or a logout: nothing is sent any more */
	closed = false;

	constructor(o: AnswersOptions) {
		this.#o = { name: chance, later: (f, ms) => setTimeout(f, ms), ...o };
	}

	onChange(f: () => void): () => void {
		this.#listeners.add(f);
		return () => this.#listeners.delete(f);
	}

	#changed() {
		for (const f of this.#listeners) f();
	}

	/** Takes the server's answers over. What is wished and not yet saved stays wished. */
	load(answers: readonly Answer[]) {
		const seen = new Set<string>();
		for (const a of answers) {
			const e = this.#entry(placeOfAnswer(a));
			seen.add(keyOf(e.place));
			if (!e.sending) this.#take(e, a);
		}
		for (const [key, e] of this.#entries) if (!seen.has(key) && !e.sending && e.version > 0) this.#take(e, undefined);
		this.#changed();
	}

	#take(e: Entry, a: Answer | undefined) {
		e.saved = a;
		e.id = a?.id ?? this.#o.name();
		e.version = a?.version ?? 0;
	}

	/** All answers that there are, as they are shown. */
	list(): Answer[] {
		return this.kept().flatMap((k) => (k.answer ? [k.answer] : []));
	}

	kept(): Kept[] {
		return [...this.#entries.values()].map(shown);
	}

	at(p: Place): Kept | undefined {
		const e = this.#entries.get(keyOf(p));
		return e && shown(e);
	}

	/** The worst of all: what the page says beside the name of the case. */
	get keeping(): Keeping {
		const all = new Set([...this.#entries.values()].map((e) => e.keeping));
		return (['conflict', 'refused', 'waiting', 'saving'] as const).find((k) => all.has(k)) ?? 'saved';
	}

	put(p: Place, what: Partial<Answer>) {
		this.#wish(p, answerAt(p, what));
	}

	remove(p: Place) {
		if (this.#entries.has(keyOf(p))) this.#wish(p, null);
	}

	#wish(p: Place, wish: Answer | null) {
		if (this.closed) return;
		const e = this.#entry(p);
		e.wish = wish;
		if (e.keeping === 'conflict') return this.#changed(); // decided by settle
		e.why = '';
		void this.#pump(e);
	}

	/** Ends a conflict: mine builds on theirs now, or theirs stays. */
	settle(p: Place, which: 'mine' | 'theirs') {
		const e = this.#entries.get(keyOf(p));
		if (!e || e.keeping !== 'conflict') return;
		this.#take(e, e.theirs);
		e.theirs = undefined;
		e.keeping = 'saved';
		if (which === 'theirs') e.wish = undefined;
		void this.#pump(e);
	}

	/** Gives up what the server does not take. */
	revert(p: Place) {
		const e = this.#entries.get(keyOf(p));
		if (!e || e.keeping !== 'refused') return;
		e.wish = e.op = undefined;
		e.keeping = 'saved';
		this.#changed();
	}

	/** Sends again what did not get through: when the connection is back. */
	retry() {
		for (const e of this.#entries.values()) if (e.keeping === 'waiting' && !e.sending) void this.#pump(e);
	}

	/** When nothing is under way any more. True: everything is at the server. */
	async settled(): Promise<boolean> {
		while ([...this.#entries.values()].some((e) => e.sending)) {
			await new Promise<void>((done) => {
				const off = this.onChange(() => (off(), done()));
			});
		}
		return this.keeping === 'saved';
	}

	#entry(p: Place): Entry {
		const key = keyOf(p);
		let e = this.#entries.get(key);
		if (!e) {
			e = { place: p, id: this.#o.name(), version: 0, saved: undefined, wish: undefined, op: undefined, sending: false, keeping: 'saved', why: '', theirs: undefined, tries: 0 };
			this.#entries.set(key, e);
		}
		return e;
	}

	async #pump(e: Entry) {
		if (e.sending || this.closed) return;
		if (e.wish === null && e.version === 0 && !e.op) e.wish = undefined; // it was never there
		if (e.wish === undefined && !e.op) {
			e.keeping = 'saved';
			return this.#changed();
		}
		e.op ??= { op: this.#op(e, e.wish!), wish: e.wish! };
		const { op, wish } = e.op;
		e.sending = true;
		e.keeping = 'saving';
		this.#changed();
		try {
			const r = await this.#o.send(op);
			e.op = undefined;
			e.tries = 0;
			if (wish === null) this.#take(e, undefined);
			else {
				const { answer } = (r.data ?? {}) as { answer?: Answer };
				e.id = r.object ?? e.id;
				e.version = r.version ?? e.version + 1;
				e.saved = { ...(answer ?? wish), id: e.id, version: e.version };
			}
			if (e.wish === wish) e.wish = undefined;
			e.sending = false;
			void this.#pump(e);
		} catch (err) {
			await this.#failed(e, wish, err);
		}
	}

	#op(e: Entry, wish: Answer | null): Op {
		const reading = this.#o.reading;
		const about = { id: this.#o.name(), object: e.id, base: e.version };
		return wish === null ? { ...about, kind: 'answer.remove', data: { reading } } : { ...about, kind: 'answer.put', data: { reading, answer: bare(wish) } };
	}

	async #failed(e: Entry, wish: Answer | null, err: unknown) {
		e.why = err instanceof Error ? err.message : String(err);
		if (passing(err)) {
			e.keeping = 'waiting';
			e.sending = false;
			const wait = Math.min(1000 * 2 ** e.tries++, 15_000);
			this.#o.later(() => e.keeping === 'waiting' && void this.#pump(e), wait);
			return this.#changed();
		}
		e.op = undefined;
		if (err instanceof Refused && err.status === 409) await this.#conflict(e);
		else {
			e.keeping = e.wish === wish ? 'refused' : 'saved';
			e.sending = false;
			if (e.wish !== wish) void this.#pump(e);
		}
		this.#changed();
	}

	async #conflict(e: Entry) {
		try {
			const now = await this.#o.again();
			const key = keyOf(e.place);
			e.theirs = now.answers.find((a) => keyOf(placeOfAnswer(a)) === key);
			e.keeping = 'conflict';
		} catch (err) {
			e.keeping = 'refused';
			e.why = err instanceof Error ? err.message : String(err);
		}
		e.sending = false;
		const mine = e.wish;
		if (e.keeping === 'conflict' && (same(mine ?? undefined, e.theirs) || (mine === null && !e.theirs))) this.settle(e.place, 'theirs');
	}
}

const shown = (e: Entry): Kept => ({
	place: e.place,
	answer: e.wish === undefined ? e.saved : (e.wish ?? undefined),
	keeping: e.keeping,
	...(e.why ? { why: e.why } : {}),
	...(e.theirs ? { theirs: e.theirs } : {}),
});

/** An answer without what the server adds. */
function bare(a: Answer): Answer {
	const { id: _id, version: _version, derived_from: _from, value: _value, unit: _unit, results: _results, ...rest } = a;
	return rest;
}

/** Whether both say the same. */
export const same = (a: Answer | undefined, b: Answer | undefined): boolean => a === b || (!!a && !!b && canonical(bare(a)) === canonical(bare(b)));

const canonical = (v: unknown): string =>
	JSON.stringify(v, (_k, x: unknown) => (x && typeof x === 'object' && !Array.isArray(x) ? Object.fromEntries(Object.entries(x).sort(([a], [b]) => (a < b ? -1 : 1))) : x));
