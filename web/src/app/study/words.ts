/** Words and numbers of the study's pages. */
import type { CellState, Measure, Phase, Share } from './study';

export const phaseWords: Readonly<Record<Phase, string>> = { setup: 'Setup', reading: 'Reading', adjudication: 'Adjudication', closed: 'Closed' };

/** What a phase is for. */
export const phaseHelp: Readonly<Record<Phase, string>> = {
	setup: 'The study is laid out. Nobody reads yet.',
	reading: 'Readers read. What they find is shown to nobody.',
	adjudication: 'Reading is over: readings cannot be changed, agreement is known, disagreements are decided, results may leave.',
	closed: 'Nothing changes any more.',
};

export const stateWords: Readonly<Record<CellState, string>> = { locked: 'locked', draft: 'being read', ready: 'to be read', waiting: 'waits for another reading' };

export const designWords: Readonly<Record<string, string>> = {
	independent: 'independent reading', sequential: 'unaided, locked, then aided', crossed: 'crossed, with a washout', preference: 'preference between two readings', panel: 'every reader reads every case',
};

export const armWords: Readonly<Record<string, string>> = { unaided: 'unaided', aided: 'with AI', preference: 'preference', adjudication: 'adjudication' };

export const arm = (a: string): string => armWords[a] ?? a;

export const metricWords: Readonly<Record<string, string>> = {
	different: 'any difference', steps: 'steps apart', difference: 'difference', percent: 'per cent of the mean', dice: 'Dice below', hd95: 'HD95, mm', frames: 'frames apart',
};

/** Ways to tell how far apart two answers to a kind of item are (Go: protocol.Metrics). */
export const metricsOf: Readonly<Record<string, readonly string[]>> = {
	choice: ['different'], multi: ['different'], ordinal: ['steps', 'different'], number: ['difference', 'percent'], measurement: ['difference', 'percent'],
	ejection: ['difference', 'percent'], mask: ['dice', 'hd95'], frame: ['frames'], preference: ['different'],
};

/** Three significant digits, never an exponent in the ordinary range. */
export function figure(v: number | null | undefined): string {
	if (v === null || v === undefined || !Number.isFinite(v)) return '–';
	const a = Math.abs(v);
	if (a !== 0 && (a < 1e-4 || a >= 1e6)) return v.toExponential(1).replace('-', '−');
	const digits = a >= 100 ? 0 : a >= 10 ? 1 : a >= 1 ? 2 : 3;
	return v.toFixed(digits).replace('-', '−');
}

/** Whole numbers as such: limits, steps, frames. */
export const amount = (v: number | null | undefined): string => (typeof v === 'number' && Number.isInteger(v) ? String(v) : figure(v));

/** "0.812" with its unit, or why there is none. */
export const value = (m: Measure): string => (m.value === null ? 'not defined' : figure(m.value) + (m.unit ? ` ${m.unit}` : ''));

/** "0.71 to 0.90", or the reason why there is no interval. */
export const interval = (m: Measure): string => (m.low === null || m.high === null ? (m.note ?? '–') : `${figure(m.low)} to ${figure(m.high)}`);

/** Of the measures, those that lie between −1 or 0 and 1 have a picture. */
export const bounded = (m: Measure): boolean => m.value !== null && m.low !== null && m.high !== null && m.low >= -1 && m.high <= 1 && Math.abs(m.value) <= 1 && !m.unit;

export const plural = (n: number, one: string, many = one + 's'): string => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

export function bytes(n: number): string {
	if (n < 1000) return `${n} bytes`;
	for (const unit of ['kB', 'MB', 'GB']) {
		n /= 1000;
		if (n < 1000 || unit === 'GB') return `${n.toFixed(n < 10 ? 1 : 0)} ${unit}`;
	}
	return '';
}

/** "3 h 20 min"; of readings. */
export function spent(seconds: number): string {
	const min = Math.round(seconds / 60);
	if (min < 1) return seconds > 0 ? 'under a minute' : '–';
	return min < 60 ? `${min} min` : `${Math.floor(min / 60)} h ${min % 60} min`;
}

/** Local date and time to the second. */
export const moment = (at: string): string => new Date(at).toLocaleString('sv-SE');

/** What a layout gives: readers by arm and session. */
export function columns(shares: readonly Share[]): { readonly heads: readonly string[]; readonly rows: readonly { readonly reader: string; readonly cells: readonly number[] }[] } {
	const key = (s: Share) => `${arm(s.arm)}${shares.some((x) => x.session > 1) ? `, session ${s.session}` : ''}`;
	const heads = [...new Set([...shares].sort((a, b) => a.session - b.session || b.arm.localeCompare(a.arm)).map(key))];
	const readers = [...new Set(shares.map((s) => s.reader))];
	return {
		heads,
		rows: readers.map((reader) => ({ reader, cells: heads.map((h) => shares.filter((s) => s.reader === reader && key(s) === h).reduce((n, s) => n + s.cases, 0)) })),
	};
}
