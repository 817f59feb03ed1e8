import * as api from '../../api/client';
import { OnScreen } from '../../api/onscreen';
import type { Stream } from '../../api/stream';
import type { Answer, Case, Item, Op, Protocol, ReadingView, Receipt, StreamEvent, Task, Me } from '../../api/types';
import { nextTask } from '../worklist/tasks';
import { Answers, chance, type Keeping, type Kept } from './answers';
import { askedOf, missing, type Missing } from './asked';
import { Focus } from './focus';
import { keyOf, type Place } from './place';

/** Seconds between two reports of reading time. */
const REPORT = 15;

/** One reading of one case, from the server and back to it. */
export class Session {
	status = $state<'loading' | 'ready' | 'waiting' | 'failed'>('loading');
	/** why it failed or waits */
	problem = $state('');
	task = $state.raw<Task>();
	tasks = $state.raw<readonly Task[]>([]);
	protocol = $state.raw<Protocol>();
	case = $state.raw<Case>();
	reading = $state.raw<ReadingView>();
	kept = $state.raw<readonly Kept[]>([]);
	keeping = $state<Keeping>('saved');
	online = $state(true);
	/** confidence that was said before there is an answer, by place */
	#loose = $state.raw<Readonly<Record<string, number>>>({});
	answers: Answers | undefined;
	#focus: Focus | undefined;
	/** ops of this page, whose events are no news */
	readonly #mine = new Set<string>();
	#soon: ReturnType<typeof setTimeout> | undefined;
	/** answers came from elsewhere */
	onRefreshed = () => {};
	#ends: (() => void)[] = [];

	readonly items = $derived<readonly Item[]>(this.protocol ? askedOf(this.protocol, this.task?.items) : []);
	readonly locked = $derived(this.reading?.locked ?? false);
	readonly list = $derived<readonly Answer[]>(this.kept.flatMap((k) => (k.answer ? [k.answer] : [])));
	readonly missing = $derived<readonly Missing[]>(missing(this.items, this.list, this.case?.images ?? []));
	/** what is said of saving: without a connection what is on its way waits */
	readonly saving = $derived<Keeping>(this.keeping === 'saving' && !this.online ? 'waiting' : this.keeping);
	readonly beside = $derived<readonly ReadingView[]>(this.reading?.beside ?? []);

	/** what is on the screen, sent with the time */
	readonly screen = new OnScreen();

	constructor(
		readonly assignment: string,
		readonly who: Me,
		readonly stream: Stream,
	) {}

	/** Loads the case and opens its reading where there is none. */
	async open() {
		this.status = 'loading';
		try {
			const [tasks, protocol] = await Promise.all([api.worklist(), api.protocol()]);
			this.tasks = tasks;
			this.protocol = protocol;
			this.task = tasks.find((t) => t.assignment === this.assignment);
			if (this.task?.state === 'waiting') {
				this.problem = this.task.why ?? '';
				this.status = 'waiting';
				return;
			}
			const [c, reading] = await Promise.all([api.caseOf(this.assignment), this.#reading(this.task)]);
			this.case = c;
			this.#begin(reading);
			this.status = 'ready';
		} catch (e) {
			this.problem = e instanceof Error ? e.message : String(e);
			this.status = 'failed';
		}
	}

	async #reading(task: Task | undefined): Promise<ReadingView> {
		if (task?.reading) return api.reading(task.reading);
		if (!task) return api.reading(this.assignment); // one that somebody shared: known by its own id
		const r = await api.perform({ id: chance(), kind: 'reading.open', object: this.assignment });
		return api.reading(r.object!);
	}

	#begin(reading: ReadingView) {
		this.reading = reading;
		const a = (this.answers = new Answers({ reading: reading.id, send: (op) => this.#send(op), again: () => api.reading(reading.id) }));
		a.onChange(() => {
			this.kept = a.kept();
			this.keeping = a.keeping;
		});
		a.load(reading.answers);
		this.#ends.push(
			this.stream.onEvent((e) => this.#event(e)),
			this.stream.connection.subscribe((c) => (this.online = c.state === 'online' || c.state === 'connecting')),
		);
		if (!reading.locked && this.own) this.#watch();
	}

	async #send(op: Op): Promise<Receipt> {
		this.#mine.add(op.id!);
		try {
			return await this.stream.do(op);
		} catch (e) {
			// Both sides are offered beside the item: once is enough.
			for (const c of this.stream.conflicts.get()) if (c.mine.object === op.object) c.takeTheirs();
			throw e;
		}
	}

	/** Somebody else, or this reader in another window, changed the reading. */
	#event(e: StreamEvent) {
		const about = e.kind === 'reading.lock' ? e.object : (e.data as { reading?: string } | undefined)?.reading;
		if (about !== this.reading?.id || (e.op && this.#mine.has(e.op)) || !/^(answer\.|reading\.lock)/.test(e.kind)) return;
		clearTimeout(this.#soon);
		this.#soon = setTimeout(() => void this.#refresh(), 150);
	}

	async #refresh() {
		const now = this.reading && (await api.reading(this.reading.id).catch(() => undefined));
		if (!now) return;
		this.reading = now;
		this.answers?.load(now.answers);
		this.onRefreshed();
	}

	/** one's own: who it was shared with can't lock it */
	get own(): boolean {
		return !this.reading || this.reading.reader === this.who.name;
	}

	/** Where the answers of an item are looked for, and what is there. */
	at = (p: Place): Kept | undefined => this.kept.find((k) => keyOf(k.place) === keyOf(p));

	/** Keeps an answer; what is said of confidence stays. */
	put(p: Place, what: Partial<Answer>) {
		const c = this.confidence(p);
		const keep = c === undefined || what.cannot_assess || what.confidence !== undefined ? {} : { confidence: c };
		this.answers?.put(p, { ...what, ...keep });
	}

	remove(p: Place) {
		this.answers?.remove(p);
	}

	confidence(p: Place): number | undefined {
		return this.at(p)?.answer?.confidence ?? this.#loose[keyOf(p)];
	}

	/** Says how sure one is; it is kept with the answer as soon as there is one. */
	sure(p: Place, confidence: number) {
		this.#loose = { ...this.#loose, [keyOf(p)]: confidence };
		const a = this.at(p)?.answer;
		if (a && !a.cannot_assess) this.answers?.put(p, { ...a, confidence });
	}

	/** Locks the reading; a decision is locked with its reason. Rejects with the server's words. The task that comes next, if there is one. */
	async lock(rationale?: string): Promise<Task | undefined> {
		const a = this.answers, r = this.reading;
		if (!a || !r) return undefined;
		if (!(await a.settled())) throw new Error(a.keeping === 'waiting' ? 'The server is not reached: the last answers are not saved yet.' : 'Some answers are not saved: see what is said beside them.');
		await this.#report();
		await api.perform({ id: chance(), kind: 'reading.lock', object: r.id, ...(rationale ? { data: { reading: r.id, rationale } } : {}) });
		a.closed = true;
		this.#stop();
		const [view, tasks] = await Promise.all([api.reading(r.id).catch(() => undefined), api.worklist().catch(() => this.tasks)]);
		this.reading = view ?? { ...r, locked: true };
		this.tasks = tasks;
		this.task = tasks.find((t) => t.assignment === this.assignment) ?? this.task;
		return nextTask(tasks, this.assignment);
	}

	/** Shares the draft with members. Rejects with the server's words. */
	async share(names: readonly string[]) {
		await api.perform({ id: chance(), kind: 'reading.share', data: { reading: this.reading?.id, with: names } });
	}

	#watch() {
		const now = () => performance.now();
		const seen = () => document.visibilityState === 'visible' && document.hasFocus();
		const focus = (this.#focus = new Focus(now(), seen()));
		const looks = () => (focus.see(seen(), now()), this.screen.focus(seen()));
		this.screen.focus(seen());
		const on = (target: EventTarget, types: readonly string[], f: () => void) => {
			for (const t of types) target.addEventListener(t, f, { passive: true, capture: true });
			this.#ends.push(() => types.forEach((t) => target.removeEventListener(t, f, { capture: true })));
		};
		on(window, ['pointermove', 'pointerdown', 'keydown', 'wheel'], () => focus.active(now()));
		on(window, ['focus', 'blur'], looks);
		on(document, ['visibilitychange'], looks);
		on(window, ['pagehide'], () => void this.#report(true));
		let n = 0;
		const timer = setInterval(() => {
			focus.tick(now());
			if (++n % REPORT === 0) void this.#report();
		}, 1000);
		this.#ends.push(() => clearInterval(timer));
	}

	/** Sends the time that was spent; what does not get through is sent with the next. last: the page goes away. */
	async #report(last = false) {
		const seconds = this.#focus?.take() ?? 0;
		const shown = this.screen.take(seconds);
		if (!(seconds > 0) || !this.reading) return;
		const op: Op = { id: chance(), kind: 'reading.time', data: { reading: this.reading.id, seconds, ...(shown.length ? { shown } : {}) } };
		try {
			if (last) await fetch('/api/ops', { method: 'POST', keepalive: true, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(op) });
			else await api.perform(op);
		} catch (e) {
			if (e instanceof api.Refused) return;
			this.#focus?.give(seconds);
			this.screen.give(shown);
		}
	}

	#stop() {
		clearTimeout(this.#soon);
		for (const f of this.#ends.splice(0)) f();
		this.#focus = undefined;
	}

	/** The page is left: what is not sent yet is sent. */
	close() {
		void this.#report(true);
		this.#stop();
	}
}
