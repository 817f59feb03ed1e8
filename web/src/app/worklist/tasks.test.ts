import { expect, test } from 'vitest';
import type { Task } from '../../api/types';
import { counts, dueWords, nextTask, pageOf, stateWords, today } from './tasks';

const task = (order: number, state: Task['state'], more: Partial<Task> = {}): Task => ({ assignment: `a${order}`, order, arm: 'unaided', session: 1, state, ...more });

test('what was begun comes before what is ready, each in its order', () => {
	const list = [task(3, 'draft'), task(1, 'locked'), task(2, 'ready'), task(4, 'draft')];
	expect(nextTask(list)?.order).toBe(3);
	expect(nextTask(list, 'a3')?.order).toBe(4);
	expect(nextTask([task(2, 'ready'), task(1, 'ready')])?.order).toBe(1);
	expect(nextTask([task(1, 'waiting'), task(2, 'locked')])).toBeUndefined();
	expect(nextTask([])).toBeUndefined();
});

test('due dates in words', () => {
	expect(dueWords('2026-03-01', '2026-03-01')).toEqual({ text: 'Due today', late: false });
	expect(dueWords('2026-03-01', '2026-02-28')).toEqual({ text: 'Due tomorrow', late: false });
	expect(dueWords('2026-03-01', '2026-03-02')).toEqual({ text: 'Overdue since yesterday', late: true });
	expect(dueWords('2026-02-20', '2026-03-02')).toEqual({ text: 'Overdue by 10 days', late: true });
	expect(dueWords('2026-03-11', '2026-03-02').text).toBe('Due in 9 days');
	expect(dueWords('2026-12-24', '2026-03-02').text).toBe('Due 2026-12-24');
	expect(dueWords('soon', '2026-03-02')).toEqual({ text: 'soon', late: false });
	expect(today(new Date(2026, 0, 5))).toBe('2026-01-05');
});

test('counts, states, pages', () => {
	expect(counts([task(1, 'locked'), task(2, 'ready'), task(3, 'waiting')])).toEqual({ done: 1, begun: 0, ready: 1, waiting: 1, all: 3 });
	expect(stateWords(task(1, 'draft'))).toBe('Begun');
	expect(pageOf(task(1, 'ready'))).toBe('/cases/a1');
	expect(pageOf(task(1, 'ready', { arm: 'adjudication' }))).toBe('/decide/a1');
});
