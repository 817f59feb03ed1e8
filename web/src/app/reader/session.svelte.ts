import * as api from '../../api/client';
import type { Answer, Case, Item, Op, Protocol, ReadingView, Receipt, Task, Me } from '../../api/types';
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
	#ends: (() => void)[] = [];

	readonly items = $derived<readonly Item[]>(this.protocol ? askedOf(this.protocol, this.task?.items) : []);
	readonly locked = $derived(this.reading?.locked ?? false);
	readonly list = $derived<readonly Answer[]>(this.kept.flatMap((k) => (k.answer ? [k.answer] : [])));
	readonly missing = $derived<readonly Missing[]>(missing(this.items, this.list, this.case?.images ?? []));
	readonly beside = $derived<readonly ReadingView[]>(this.reading?.beside ?? []);

	constructor(
		readonly assignment: string,
		readonly who: Me,
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
		if (!reading.locked) this.#watch();
	}

	async #send(op: Op): Promise<Receipt> {
		try {
			const r = await api.perform(op);
			this.online = true;
			return r;
		} catch (e) {
			if (!(e instanceof api.Refused)) this.online = false;
			throw e;
		}
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

	/** Locks the reading. Rejects with the server's words. The task that comes next, if there is one. */
	async lock(): Promise<Task | undefined> {
		const a = this.answers, r = this.reading;
		if (!a || !r) return undefined;
		if (!(await a.settled())) throw new Error(a.keeping === 'waiting' ? 'The server is not reached: the last answers are not saved yet.' : 'Some answers are not saved: see what is said beside them.');
		await this.#report();
		await api.perform({ id: chance(), kind: 'reading.lock', object: r.id });
		a.closed = true;
		this.#stop();
		const [view, tasks] = await Promise.all([api.reading(r.id).catch(() => undefined), api.worklist().catch(() => this.tasks)]);
		this.reading = view ?? { ...r, locked: true };
		this.tasks = tasks;
		this.task = tasks.find((t) => t.assignment === this.assignment) ?? this.task;
		return nextTask(tasks, this.assignment);
	}

	#watch() {
		const now = () => performance.now();
		const seen = () => document.visibilityState === 'visible' && document.hasFocus();
		const focus = (this.#focus = new Focus(now(), seen()));
		const on = (target: EventTarget, types: readonly string[], f: () => void) => {
			for (const t of types) target.addEventListener(t, f, { passive: true, capture: true });
			this.#ends.push(() => types.forEach((t) => target.removeEventListener(t, f, { capture: true })));
		};
		on(window, ['pointermove', 'pointerdown', 'keydown', 'wheel'], () => focus.active(now()));
		on(window, ['focus', 'blur'], () => focus.see(seen(), now()));
		on(document, ['visibilitychange'], () => focus.see(seen(), now()));
		on(window, ['pagehide'], () => void this.#report(true));
		on(window, ['online'], () => this.answers?.retry());
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
		if (!(seconds > 0) || !this.reading) return;
		const op: Op = { id: chance(), kind: 'reading.time', data: { reading: this.reading.id, seconds } };
		try {
			if (last) await fetch('/api/ops', { method: 'POST', keepalive: true, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(op) });
			else await api.perform(op);
		} catch (e) {
			if (!(e instanceof api.Refused)) this.#focus?.give(seconds);
		}
	}

	#stop() {
		for (const f of this.#ends.splice(0)) f();
		this.#focus = undefined;
	}

	/** The page is left: what is not sent yet is sent. */
	close() {
		void this.#report(true);
		this.#stop();
	}
}
