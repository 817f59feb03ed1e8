import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Refused } from './client';
import { KeptQueue, MemoryQueue, type Queue } from './queue';
import { Offline, Stream, newId, type Connection } from './stream';
import type { Browser, Message } from './transport';
import type { Answer, Op, ReadingView } from './types';

/** A server of one reading, as seen by one browser: it takes an op once, and refuses what builds on an older version. */
class Server {
	sockets: FakeSocket[] = [];
	sources: FakeSource[] = [];
	refuseSockets = false;
	session = true;
	/** ops that were taken, by id */
	readonly taken = new Map<string, Message>();
	readonly asked: Op[] = [];
	answers: Answer[] = [];
	locked = false;
	painter: string | undefined;
	/** receipts are held back */
	deaf = false;
	comments: unknown[] = [];

	take(op: Op): Message | undefined {
		this.asked.push(op);
		const known = op.id !== undefined ? this.taken.get(op.id) : undefined;
		if (known) return known;
		if (op.kind === 'live') return undefined;
		const out = this.#perform(op);
		if (op.id !== undefined && out.receipt) this.taken.set(op.id, out);
		return out;
	}

	#perform(op: Op): Message {
		const no = (status: number, code: string, message: string): Message => ({ refused: { status, code, message }, ...(op.id ? { op: op.id } : {}) });
		const yes = (more: object): Message => ({ receipt: { kind: op.kind, ...(op.id ? { op: op.id } : {}), ...more } });
		if (op.kind === 'lease.take' && this.painter) return no(409, 'conflict', `${this.painter} paints this mask`);
		if (op.kind !== 'answer.put' && op.kind !== 'answer.remove') return yes({});
		if (this.locked) return no(409, 'conflict', 'the reading is locked');
		const now = this.answers.find((a) => a.id === op.object);
		if ((now?.version ?? 0) !== (op.base ?? 0)) return no(409, 'conflict', `the answer is at version ${now?.version ?? 0}`);
		this.answers = this.answers.filter((a) => a !== now);
		const { answer } = op.data as { answer?: Answer };
		const version = (op.base ?? 0) + 1;
		if (op.kind === 'answer.put' && answer) this.answers.push({ ...answer, ...(op.object ? { id: op.object } : {}), version });
		return yes({ object: op.object, version });
	}

	get browser(): Browser {
		const server = this;
		return {
			origin: 'http://here',
			WebSocket: class extends FakeSocket {
				constructor(url: string) {
					super(url, server);
				}
			} as unknown as Browser['WebSocket'],
			EventSource: class extends FakeSource {
				constructor(url: string) {
					super(url, server);
				}
			} as unknown as Browser['EventSource'],
			fetch: (async (url: string, init?: RequestInit) => {
				const json = (v: unknown, status = 200) => new Response(JSON.stringify(v), { status });
				if (!this.session) return json({}, 401);
				if (url.endsWith('/api/me')) return json({});
				if (url.endsWith('/comments')) return json(this.comments);
				if (url.includes('/api/readings/')) return json({ id: 'r', reader: 'ann', locked: this.locked, answers: this.answers } satisfies ReadingView);
				const { stream: _, ...op } = JSON.parse(String(init?.body)) as Op & { stream?: string };
				const out = this.take(op) ?? {};
				return out.refused ? json(out.refused, out.refused.status) : json(out.receipt ?? {});
			}) as unknown as typeof fetch,
		};
	}

	get socket(): FakeSocket {
		return this.sockets.at(-1)!;
	}
}

class FakeSocket {
	onmessage: ((e: { data: string }) => void) | undefined;
	onclose: ((e: { code: number }) => void) | undefined;
	onerror: (() => void) | undefined;
	open = true;

	constructor(
		readonly url: string,
		readonly server: Server,
	) {
		server.sockets.push(this);
		if (server.refuseSockets) queueMicrotask(() => this.onerror?.());
	}
	send(text: string): void {
		const out = this.server.take(JSON.parse(text) as Op);
		if (out && !this.server.deaf) queueMicrotask(() => this.open && this.tell(out));
	}
	tell(m: Message): void {
		this.onmessage?.({ data: JSON.stringify(m) });
	}
	close(): void {
		this.open = false;
	}
	die(code = 1006): void {
		this.open = false;
		this.onclose?.({ code });
	}
}

class FakeSource {
	onerror: (() => void) | undefined;
	readonly listeners = new Map<string, (e: { data: string }) => void>();
	closed = false;

	constructor(
		readonly url: string,
		readonly server: Server,
	) {
		server.sources.push(this);
	}
	addEventListener(kind: string, f: (e: { data: string }) => void): void {
		this.listeners.set(kind, f);
	}
	tell(kind: string, v: unknown): void {
		this.listeners.get(kind)?.({ data: JSON.stringify(v) });
	}
	close(): void {
		this.closed = true;
	}
}

const put = (text: string, more: Partial<Op> = {}): Op => ({ kind: 'answer.put', data: { reading: 'r', answer: { item: 'note', text } }, ...more });
const settle = () => vi.advanceTimersByTimeAsync(1);

let server: Server, streams: Stream[], queue: Queue;

function open(who = 'ann', q: Queue = queue): Stream {
	const s = new Stream({ who, queue: q, browser: server.browser, random: () => 1, now: () => Date.now() });
	streams.push(s);
	return s;
}

/** Opens a stream and lets the server say its first word. */
async function online(after = 5): Promise<Stream> {
	const s = open();
	await settle();
	server.socket.tell({ stream: { stream: 'name', after } });
	await settle();
	return s;
}

beforeEach(() => {
	vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
	server = new Server();
	streams = [];
	queue = new MemoryQueue();
});
afterEach(() => {
	for (const s of streams) s.close();
	vi.useRealTimers();
});

describe('connection', () => {
	it('begins at the end, tells events once and in order, and goes on after the last', async () => {
		const s = await online(5);
		expect(server.socket.url).toBe('ws://here/api/events?after=end');
		const seen: number[] = [];
		s.onEvent((e) => seen.push(e.n));
		const event = (n: number) => ({ n, at: '', actor: 'bob', kind: 'comment' });
		server.socket.tell({ events: [event(6), event(7)] });
		server.socket.die();
		expect(s.connection.get()).toEqual({ state: 'offline', retry: 500 });
		await vi.advanceTimersByTimeAsync(600);
		expect(server.socket.url).toBe('ws://here/api/events?after=7');
		server.socket.tell({ stream: { stream: 'name', after: 7 } });
		server.socket.tell({ events: [event(7), event(8)] });
		expect(seen).toEqual([6, 7, 8]);
		expect(s.connection.get()).toEqual({ state: 'online', by: 'socket' });
	});

	it('tries again after times that double up to half a minute, with jitter below', async () => {
		const s = await online();
		const waits: number[] = [];
		s.connection.subscribe((c: Connection) => c.state === 'offline' && waits.push(c.retry ?? 0));
		server.socket.die();
		for (let i = 0; i < 8; i++) {
			await vi.advanceTimersByTimeAsync((waits.at(-1) ?? 0) + 1);
			(server.sockets.at(-1)?.open ? server.socket : undefined)?.die();
			server.sources.at(-1)?.onerror?.();
			await settle();
		}
		expect(waits.slice(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
		const low = new Stream({ who: 'ann', queue, browser: server.browser, random: () => 0 });
		streams.push(low);
		await settle();
		server.socket.tell({ stream: { stream: 'name', after: 0 } });
		server.socket.die();
		expect(low.connection.get().retry).toBe(250);
	});

	it('falls back to server-sent events and POST where no socket gets through', async () => {
		server.refuseSockets = true;
		const s = open();
		await vi.advanceTimersByTimeAsync(5000);
		expect(server.sockets.length).toBe(2);
		const source = server.sources.at(-1)!;
		source.tell('stream', { stream: 'name', after: 3 });
		expect(s.connection.get()).toEqual({ state: 'online', by: 'events' });
		const r = s.do(put('by post'));
		await settle();
		expect((await r).version).toBe(1);
		s.attend({ reading: 'r', image: 1 });
		source.tell('presence', { reading: 'r', here: [{ who: 'bob' }] });
		expect(s.presence.get()).toEqual([{ who: 'bob' }]);
		const seen: number[] = [];
		s.onEvent((e) => seen.push(e.n));
		source.tell('message', { n: 4, at: '', actor: 'bob', kind: 'comment' });
		source.onerror?.();
		await vi.advanceTimersByTimeAsync(600);
		expect(server.sources.at(-1)!.url).toContain('after=4');
		expect(seen).toEqual([4]);
	});

	it('ends with its session, and does not try again', async () => {
		const s = await online();
		server.socket.die(1008);
		expect(s.connection.get().state).toBe('ended');
		await vi.advanceTimersByTimeAsync(120_000);
		expect(server.sockets.length).toBe(1);
	});

	it('learns that there is no session when nothing opens', async () => {
		server.session = false;
		server.refuseSockets = true;
		const s = open();
		await vi.advanceTimersByTimeAsync(100);
		expect(s.connection.get().state).toBe('ended');
	});

	it('does not believe a connection that is silent', async () => {
		const s = await online();
		server.deaf = true;
		await vi.advanceTimersByTimeAsync(30_100);
		expect(server.asked.some((op) => op.kind === 'presence')).toBe(true);
		expect(s.connection.get().state).toBe('offline');
	});
});

describe('outbox', () => {
	it('names new answers, and builds each change on the one before', async () => {
		const s = await online();
		const one = await s.do(put('one'));
		expect(one.object).toMatch(/^[0-9a-f]{32}$/);
		const two = await s.do(put('two', { object: one.object! }));
		expect(two.version).toBe(2);
		expect(server.answers).toEqual([{ id: one.object, item: 'note', text: 'two', version: 2 }]);
		expect(s.waiting.get()).toBe(0);
	});

	it('keeps what was asked for without a connection, newest of each answer, and sends it when there is one', async () => {
		const s = open();
		const id = newId();
		const all = [s.do(put('a', { object: id })), s.do(put('ab', { object: id })), s.do(put('abc', { object: id })), s.do({ kind: 'comment', data: { reading: 'r', text: 'hm' } })];
		await settle();
		expect(s.waiting.get()).toBe(2);
		await expect(s.do({ kind: 'reading.lock', object: 'r' })).rejects.toThrow(Offline);
		server.socket.tell({ stream: { stream: 'name', after: 0 } });
		await settle();
		expect((await Promise.all(all)).map((r) => r.version)).toEqual([1, 1, 1, undefined]);
		expect(server.asked.filter((op) => op.kind === 'answer.put').length).toBe(1);
		expect(server.answers[0]!.text).toBe('abc');
	});

	it('sends again what was not answered, and it is taken once', async () => {
		const s = await online();
		server.deaf = true;
		const id = newId();
		const first = s.do(put('sent, never answered', { object: id }));
		await settle();
		server.socket.die();
		const second = s.do(put('changed meanwhile', { object: id })); // must not stand under the name of what may have arrived
		server.deaf = false;
		await vi.advanceTimersByTimeAsync(600);
		server.socket.tell({ stream: { stream: 'name', after: 5 } });
		await settle();
		expect((await first).version).toBe(1);
		expect((await second).version).toBe(2);
		expect(server.answers).toEqual([{ id, item: 'note', text: 'changed meanwhile', version: 2 }]);
		expect(server.asked.filter((op) => op.kind === 'answer.put').length).toBe(3);
	});

	it('survives a reload, for the same reader alone, and is empty after logout', async () => {
		vi.useRealTimers();
		const idb = new IDBFactory();
		const real = (who: string) => open(who, new KeptQueue(idb));
		const kept = async (f: (n: number) => boolean, s: Stream) => {
			for (let i = 0; i < 200 && !f(s.waiting.get()); i++) await new Promise((d) => setTimeout(d, 5));
			expect(f(s.waiting.get())).toBe(true);
		};
		const before = real('ann');
		void before.do(put('draft', { object: newId() })).catch(() => undefined);
		void before.do({ kind: 'comment', data: { reading: 'r', text: 'hm' } }).catch(() => undefined);
		await kept((n) => n === 2, before);
		await new Promise((d) => setTimeout(d, 50));
		before.close();
		const after = real('ann');
		await kept((n) => n === 2, after);
		server.socket.tell({ stream: { stream: 'name', after: 0 } });
		await kept((n) => n === 0, after);
		expect(server.answers[0]!.text).toBe('draft');
		void after.do(put('more')).catch(() => undefined);
		server.deaf = true;
		void after.do(put('still more')).catch(() => undefined);
		await new Promise((d) => setTimeout(d, 50));
		await after.logout();
		expect(await new KeptQueue(idb).open('ann')).toEqual([]);
		// What somebody else left is neither sent nor kept.
		const q = new KeptQueue(idb);
		await q.put({ id: 'x', who: 'bob', n: 0, op: { id: 'x', kind: 'comment' } });
		expect(await q.open('ann')).toEqual([]);
		expect(await q.open('bob')).toEqual([]);
		// Of two windows one takes over what is left.
		await q.put({ id: 'y', who: 'ann', n: 0, op: { id: 'y', kind: 'comment' } });
		expect(await new KeptQueue(idb, Promise.resolve(false)).open('ann')).toEqual([]);
		expect((await q.open('ann')).map((w) => w.id)).toEqual(['y']);
	});

	it('hands a conflict to the reader with both answers, and writes the one they choose', async () => {
		const s = await online();
		const id = newId();
		server.answers = [{ id, item: 'note', text: 'theirs', version: 4 }];
		await expect(s.do(put('mine', { object: id, base: 3 }))).rejects.toThrow(Refused);
		const [c] = s.conflicts.get();
		expect([c!.theirs!.text, c!.final, c!.message]).toEqual(['theirs', false, 'the answer is at version 4']);
		const kept = c!.keepMine();
		await settle();
		expect((await kept).version).toBe(5);
		expect(server.answers[0]!.text).toBe('mine');
		expect(s.conflicts.get()).toEqual([]);
		await expect(s.do(put('again', { object: id, base: 1 }))).rejects.toThrow('version 5');
		s.conflicts.get()[0]!.takeTheirs();
		expect(s.conflicts.get()).toEqual([]);
		expect(server.answers[0]!.text).toBe('mine');
	});

	it('finds somebody else’s answer to the same question, and a reading that was locked', async () => {
		const s = open();
		server.answers = [{ id: newId(), item: 'note', text: 'theirs', version: 2 }];
		const id = newId();
		const mine = s.do(put('mine', { object: id, base: 1 })); // which was removed, and answered anew by somebody
		void mine.catch(() => undefined);
		await settle();
		server.socket.tell({ stream: { stream: 'name', after: 0 } });
		await settle();
		await expect(mine).rejects.toThrow(Refused);
		expect(s.conflicts.get()[0]!.theirs!.text).toBe('theirs');
		const over = s.conflicts.get()[0]!.keepMine();
		await settle();
		expect((await over).version).toBe(3);
		server.locked = true;
		await expect(s.do(put('too late', { object: id }))).rejects.toThrow('locked');
		expect(s.conflicts.get()[0]!.final).toBe(true);
	});

	it('takes the lease of a mask where that was what lacked', async () => {
		const s = await online();
		const take = server.take.bind(server);
		let leased = false;
		server.take = (op) => {
			leased ||= op.kind === 'lease.take' && !server.painter;
			if (op.kind === 'answer.put' && !leased) return { refused: { status: 409, code: 'conflict', message: 'a mask is changed under its lease' }, op: op.id! };
			return take(op);
		};
		const mask: Op = { kind: 'answer.put', data: { reading: 'r', answer: { item: 'lv', image: 1, frame: 2, mask: { rows: 1, columns: 1, runs: [1] } } } };
		server.painter = 'bob';
		await expect(s.do(mask)).rejects.toThrow('bob paints this mask');
		server.painter = undefined;
		const r = s.conflicts.get()[0]!.keepMine();
		await settle();
		expect((await r).version).toBe(1);
	});

	it('waits where the server has too much to do, and tells of what it refuses', async () => {
		const s = await online();
		const take = server.take.bind(server);
		let busy = 2;
		server.take = (op) => (op.kind === 'answer.put' && busy-- > 0 ? { refused: { status: 429, code: 'resource', message: 'too often' }, op: op.id! } : take(op));
		const r = s.do(put('patient'));
		await vi.advanceTimersByTimeAsync(4100);
		expect((await r).version).toBe(1);
		server.take = (op) => ({ refused: { status: 422, code: 'input', message: 'outside of what the protocol allows' }, op: op.id! });
		await expect(s.do(put('wrong'))).rejects.toThrow('outside');
		expect(s.waiting.get()).toBe(0);
	});
});

describe('room', () => {
	it('says where one is, not too often, and again after the connection came back', async () => {
		const s = await online();
		const said = () => server.asked.filter((op) => op.kind === 'presence').map((op) => (op.data as { frame?: number }).frame);
		server.asked.length = 0;
		for (let frame = 0; frame < 30; frame++) s.attend({ reading: 'r', image: 1, frame });
		expect(said()).toEqual([0]);
		await vi.advanceTimersByTimeAsync(300);
		expect(said()).toEqual([0, 29]);
		server.socket.tell({ presence: { reading: 'r', here: [{ who: 'bob', image: 1, frame: 3 }] } });
		server.socket.tell({ presence: { reading: 'another', here: [{ who: 'eve' }] } });
		expect(s.presence.get()).toEqual([{ who: 'bob', image: 1, frame: 3 }]);
		server.socket.die();
		expect(s.presence.get()).toEqual([]);
		await vi.advanceTimersByTimeAsync(600);
		server.socket.tell({ stream: { stream: 'name', after: 5 } });
		expect(said().at(-1)).toBe(29);
	});

	it('shows what others draw until it is done or nothing is heard of it, and paces what one draws', async () => {
		const s = await online();
		s.attend({ reading: 'r', image: 1 });
		const d = { reading: 'r', image: 1, frame: 0, object: 'o' };
		server.socket.tell({ live: { ...d, who: 'bob', cursor: [1, 1] } });
		server.socket.tell({ live: { ...d, who: 'bob', cursor: [2, 2] } });
		server.socket.tell({ live: { ...d, who: 'carl' } });
		expect(s.live.get().map((x) => [x.who, x.cursor])).toEqual([['bob', [2, 2]], ['carl', undefined]]);
		server.socket.tell({ live: { ...d, who: 'carl', done: true } });
		expect(s.live.get().length).toBe(1);
		await vi.advanceTimersByTimeAsync(6000);
		expect(s.live.get()).toEqual([]);
		server.asked.length = 0;
		for (let x = 0; x < 100; x++) s.draw({ ...d, cursor: [x, 0] });
		s.draw({ ...d, done: true });
		const drawn = server.asked.filter((op) => op.kind === 'live');
		expect(drawn.map((op) => (op.data as { cursor?: unknown }).cursor)).toEqual([[0, 0], undefined]);
		s.draw({ ...d, cursor: [1, 0] });
		s.draw({ ...d, cursor: [2, 0] });
		await vi.advanceTimersByTimeAsync(60);
		expect((server.asked.filter((op) => op.kind === 'live').at(-1)!.data as { cursor: unknown }).cursor).toEqual([2, 0]);
	});

	it('keeps a lease while one paints, and says when it is lost', async () => {
		const s = await online();
		s.attend({ reading: 'r', image: 1 });
		const place = { reading: 'r', item: 'lv', image: 1, frame: 2 };
		const held = await s.lease(place);
		const takes = () => server.asked.filter((op) => op.kind === 'lease.take').length;
		await vi.advanceTimersByTimeAsync(11_000);
		expect(takes()).toBe(3);
		const lost: string[] = [];
		held.onLost((why) => lost.push(why));
		server.painter = 'bob';
		await vi.advanceTimersByTimeAsync(5000);
		expect(lost).toEqual(['bob paints this mask']);
		await expect(s.lease(place)).rejects.toThrow('bob');
		server.painter = undefined;
		const again = await s.lease(place);
		again.release();
		await settle();
		expect(server.asked.at(-1)!.kind).toBe('lease.release');
		server.socket.tell({ leases: { reading: 'r', held: [{ ...place, holder: 'bob', ms: 2000 }] } });
		expect(s.leases.get()[0]!.holder).toBe('bob');
		await vi.advanceTimersByTimeAsync(3000);
		expect(s.leases.get()).toEqual([]);
	});

	it('has a reading’s comments, those that come along too, each once', async () => {
		server.comments = [{ id: 'a', at: '2026-01-01T00:00:01Z', author: 'bob', text: 'first' }];
		const s = await online();
		s.attend({ reading: 'r', image: 1 });
		await settle();
		const event = { n: 9, at: '2026-01-01T00:00:02Z', actor: 'ann', kind: 'comment', object: 'b', data: { reading: 'r', text: 'second', reply: 'a', image: 1, frame: 2 } };
		server.socket.tell({ events: [event] });
		server.socket.tell({ events: [{ ...event, n: 10, object: 'c', data: { reading: 'another', text: 'no' } }] });
		expect(s.comments.get().map((c) => [c.id, c.author, c.text, c.reply])).toEqual([['a', 'bob', 'first', undefined], ['b', 'ann', 'second', 'a']]);
		s.attend(undefined);
		expect(s.comments.get()).toEqual([]);
	});
});
