import { describe, expect, test, vi } from 'vitest';
import { Refused } from '../../api/client';
import type { Answer, Op, ReadingView, Receipt } from '../../api/types';
import { Answers, same } from './answers';
import type { Place } from './place';

const place = (item = 'grade', image = 0): Place => ({ item, image, frame: 0, to: 0 });

/** A server that keeps answers as annotate does: versions, conflicts, ops taken once. */
class Server {
	answers = new Map<string, { version: number; answer: Answer | undefined }>();
	taken = new Map<string, Receipt>();
	ops: Op[] = [];
	/** what the next sends end in, before anything is done */
	fail: unknown[] = [];
	/** the op is taken, and the answer gets lost */
	lose = false;

	send = async (op: Op): Promise<Receipt> => {
		await Promise.resolve();
		this.ops.push(op);
		const f = this.fail.shift();
		if (f) throw f;
		const old = this.taken.get(op.id!);
		if (old) return old;
		const now = this.answers.get(op.object!);
		if ((now?.version ?? 0) !== (op.base ?? 0)) throw new Refused(409, 'conflict', 'the answer is newer');
		const version = (now?.version ?? 0) + 1;
		const { answer } = op.data as { answer?: Answer };
		if (answer?.text === 'wrong') throw new Refused(422, 'input', 'this is no answer');
		this.answers.set(op.object!, { version, answer });
		const r: Receipt = { op: op.id!, kind: op.kind, object: op.object!, version, data: { answer: answer && { ...answer, value: 1, unit: 'mm' } } };
		this.taken.set(op.id!, r);
		if (this.lose) {
			this.lose = false;
			throw new TypeError('network');
		}
		return r;
	};

	again = async (): Promise<ReadingView> => ({
		id: 'r', reader: 'ann', locked: false,
		answers: [...this.answers].flatMap(([id, { version, answer }]) => (answer ? [{ ...answer, id, version }] : [])),
	});
}

function set() {
	const server = new Server();
	const waits: (() => void)[] = [];
	let n = 0;
	const answers = new Answers({ reading: 'r', send: server.send, again: server.again, name: () => `n${n++}`, later: (f) => waits.push(f) });
	return { server, answers, waits };
}

describe('keeping', () => {
	test('an answer is saved with the numbers of the server', async () => {
		const { server, answers } = set();
		answers.put(place(), { choice: ['mild'] });
		expect(answers.keeping).toBe('saving');
		expect(answers.at(place())?.answer).toEqual({ item: 'grade', choice: ['mild'] });
		expect(await answers.settled()).toBe(true);
		expect(answers.list()).toMatchObject([{ item: 'grade', choice: ['mild'], value: 1, unit: 'mm', version: 1 }]);
		expect(server.ops.length).toBe(1);
	});

	test('of what is wished while one is under way the last goes next, on the new version', async () => {
		const { server, answers } = set();
		for (const c of ['a', 'b', 'c']) answers.put(place(), { choice: [c] });
		await answers.settled();
		expect(server.ops.map((o) => [(o.data as { answer: Answer }).answer.choice, o.base])).toEqual([[['a'], 0], [['c'], 1]]);
		expect(new Set(server.ops.map((o) => o.object)).size).toBe(1);
		expect(answers.list()).toMatchObject([{ choice: ['c'], version: 2 }]);
	});

	test('what the server adds is not sent back', async () => {
		const { server, answers } = set();
		answers.load([{ id: 'x', version: 4, item: 'grade', number: 3, value: 3, unit: '1', results: [] }]);
		server.answers.set('x', { version: 4, answer: { item: 'grade' } });
		answers.put(place(), { ...answers.at(place())!.answer, number: 5 });
		await answers.settled();
		expect(server.ops[0]).toMatchObject({ object: 'x', base: 4 });
		expect((server.ops[0]!.data as { answer: Answer }).answer).toEqual({ item: 'grade', number: 5 });
	});

	test('removal, of what was saved and of what never was', async () => {
		const { server, answers } = set();
		answers.remove(place('other'));
		answers.put(place(), { text: 'x' });
		answers.remove(place());
		await answers.settled();
		expect(server.ops.map((o) => o.kind)).toEqual(['answer.put', 'answer.remove']);
		expect(answers.list()).toEqual([]);
		answers.put(place(), { text: 'y' }); // a new object
		await answers.settled();
		expect(server.ops.at(-1)).toMatchObject({ base: 0 });
		expect(server.ops.at(-1)!.object).not.toBe(server.ops[0]!.object);
	});
});

describe('when it does not get through', () => {
	test('it is sent again with the same op, so that it is taken once', async () => {
		const { server, answers, waits } = set();
		server.lose = true;
		answers.put(place(), { text: 'x' });
		expect(await answers.settled()).toBe(false);
		expect(answers.keeping).toBe('waiting');
		waits.shift()!();
		expect(await answers.settled()).toBe(true);
		expect(server.ops[0]!.id).toBe(server.ops[1]!.id);
		expect(answers.list()).toMatchObject([{ text: 'x', version: 1 }]);
	});

	test('a wish that comes after a lost answer is no conflict with oneself', async () => {
		const { server, answers } = set();
		server.lose = true;
		answers.put(place(), { text: 'x' });
		await answers.settled();
		answers.put(place(), { text: 'y' });
		expect(await answers.settled()).toBe(true);
		expect(server.ops.map((o) => [o.base, (o.data as { answer: Answer }).answer.text])).toEqual([[0, 'x'], [0, 'x'], [1, 'y']]);
		expect(answers.list()).toMatchObject([{ text: 'y', version: 2 }]);
	});

	test('removed while its first op is not known to have arrived', async () => {
		const { server, answers } = set();
		server.lose = true;
		answers.put(place(), { text: 'x' });
		await answers.settled();
		answers.remove(place());
		expect(await answers.settled()).toBe(true);
		expect(answers.list()).toEqual([]);
		expect([...server.answers.values()]).toEqual([{ version: 2, answer: undefined }]);
	});

	test('retry sends what waits, and too often is passing', async () => {
		const { server, answers } = set();
		server.fail = [new Refused(429, 'resource', 'too often')];
		answers.put(place(), { text: 'x' });
		await answers.settled();
		expect(answers.keeping).toBe('waiting');
		answers.retry();
		expect(await answers.settled()).toBe(true);
	});

	test('what the server does not take stays visible with its words, until it is changed or given up', async () => {
		const { answers } = set();
		answers.put(place(), { text: 'right' });
		await answers.settled();
		answers.put(place(), { text: 'wrong' });
		await answers.settled();
		expect(answers.at(place())).toMatchObject({ keeping: 'refused', why: 'this is no answer', answer: { text: 'wrong' } });
		answers.revert(place());
		expect(answers.at(place())).toMatchObject({ keeping: 'saved', answer: { text: 'right' } });
	});

	test('closed: nothing is sent', async () => {
		const { server, answers } = set();
		answers.closed = true;
		answers.put(place(), { text: 'x' });
		await Promise.resolve();
		expect(server.ops).toEqual([]);
	});
});

describe('conflicts', () => {
	async function conflicted() {
		const s = set();
		s.answers.put(place(), { text: 'first' });
		await s.answers.settled();
		const id = s.server.ops[0]!.object!;
		s.server.answers.set(id, { version: 2, answer: { item: 'grade', text: 'theirs' } });
		s.answers.put(place(), { text: 'mine' });
		await s.answers.settled();
		return { ...s, id };
	}

	test('both are offered; mine builds on theirs', async () => {
		const { answers } = await conflicted();
		expect(answers.at(place())).toMatchObject({ keeping: 'conflict', answer: { text: 'mine' }, theirs: { text: 'theirs', version: 2 } });
		answers.settle(place(), 'mine');
		expect(await answers.settled()).toBe(true);
		expect(answers.list()).toMatchObject([{ text: 'mine', version: 3 }]);
	});

	test('theirs stays', async () => {
		const { answers, server } = await conflicted();
		answers.settle(place(), 'theirs');
		expect(await answers.settled()).toBe(true);
		expect(answers.list()).toMatchObject([{ text: 'theirs', version: 2 }]);
		expect(server.ops.length).toBe(2);
	});

	test('who says the same is not asked', async () => {
		const { server, answers } = set();
		answers.load([{ id: 'x', version: 1, item: 'grade', text: 'a' }]);
		server.answers.set('x', { version: 2, answer: { text: 'b', item: 'grade' } });
		answers.put(place(), { text: 'b' });
		expect(await answers.settled()).toBe(true);
		expect(answers.list()).toMatchObject([{ text: 'b', version: 2 }]);
	});

	test('a change while it is asked is part of mine', async () => {
		const { answers } = await conflicted();
		answers.put(place(), { text: 'mine, again' });
		expect(answers.at(place())).toMatchObject({ keeping: 'conflict', answer: { text: 'mine, again' } });
		answers.settle(place(), 'mine');
		await answers.settled();
		expect(answers.list()).toMatchObject([{ text: 'mine, again' }]);
	});
});

test('the server’s answers are taken over, and a wish stays', async () => {
	const { answers, server } = set();
	server.fail = [new TypeError('network')];
	answers.put(place('note'), { text: 'mine' });
	await answers.settled();
	answers.load([{ id: 'x', version: 3, item: 'grade', choice: ['a'] }, { id: 'y', version: 1, item: 'old', text: 'z' }]);
	answers.load([{ id: 'x', version: 4, item: 'grade', choice: ['b'] }]);
	expect(answers.list().map((a) => a.item).sort()).toEqual(['grade', 'note']);
	expect(answers.at(place())?.answer?.choice).toEqual(['b']);
});

test('listeners hear of changes, and can leave', async () => {
	const { answers } = set();
	const f = vi.fn();
	const off = answers.onChange(f);
	answers.put(place(), { text: 'x' });
	await answers.settled();
	const n = f.mock.calls.length;
	expect(n).toBeGreaterThan(1);
	off();
	answers.put(place(), { text: 'y' });
	expect(f.mock.calls.length).toBe(n);
	await answers.settled();
});

test('the same answer, in whatever order its fields come', () => {
	expect(same({ item: 'a', text: 'x' }, { text: 'x', item: 'a', version: 3, value: 2 })).toBe(true);
	expect(same({ item: 'a', text: 'x' }, { item: 'a', text: 'y' })).toBe(false);
	expect(same(undefined, undefined)).toBe(true);
	expect(same({ item: 'a' }, undefined)).toBe(false);
});
