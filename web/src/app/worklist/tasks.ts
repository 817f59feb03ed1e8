import type { Task } from '../../api/types';

/** Arms in words. */
export function armWords(arm: string): string {
	const known: Record<string, string> = { unaided: 'Without AI', aided: 'With AI', preference: 'Comparison of two', adjudication: 'Decision' };
	return known[arm] ?? arm;
}

/** What a state means to whom it is for. */
export function stateWords(t: Task): string {
	const known: Record<Task['state'], string> = { waiting: 'Not yet', ready: 'Ready', draft: 'Begun', locked: 'Done' };
	return known[t.state];
}

/** The page on which a task is done. */
export const pageOf = (t: Task): string => (t.arm === 'adjudication' ? '/decide/' : '/cases/') + t.assignment;

/** What comes next: what was begun, then what is ready, each in the order of the list; after: not that one. */
export function nextTask(tasks: readonly Task[], after?: string): Task | undefined {
	const open = tasks.filter((t) => t.assignment !== after).sort((a, b) => a.order - b.order);
	return open.find((t) => t.state === 'draft') ?? open.find((t) => t.state === 'ready');
}

export interface Counts {
	readonly done: number;
	readonly begun: number;
	readonly ready: number;
	readonly waiting: number;
	readonly all: number;
}

export function counts(tasks: readonly Task[]): Counts {
	const n = (s: Task['state']) => tasks.filter((t) => t.state === s).length;
	return { done: n('locked'), begun: n('draft'), ready: n('ready'), waiting: n('waiting'), all: tasks.length };
}

const day = (date: string): number => Date.parse(date.slice(0, 10)) / 86_400_000;

/** A due date beside today, in words. Whole days of the calendar; dates as YYYY-MM-DD. */
export function dueWords(due: string, today: string): { readonly text: string; readonly late: boolean } {
	const left = day(due) - day(today);
	if (Number.isNaN(left)) return { text: due, late: false };
	if (left < 0) return { text: left === -1 ? 'Overdue since yesterday' : `Overdue by ${-left} days`, late: true };
	if (left === 0) return { text: 'Due today', late: false };
	return { text: left === 1 ? 'Due tomorrow' : left < 15 ? `Due in ${left} days` : `Due ${due.slice(0, 10)}`, late: false };
}

/** Today by the clock of this place, YYYY-MM-DD. */
export function today(now = new Date()): string {
	const two = (n: number) => String(n).padStart(2, '0');
	return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
