import { describe, expect, it } from 'vitest';
import { bounded, bytes, columns, figure, interval, spent, value } from './words';
import { chartAddress, partsOf, type Action, type Measure, type Overview } from './study';

const m = (x: Partial<Measure>): Measure => ({ measure: 'kappa', value: 0.5, low: 0.2, high: 0.8, n: 10, ...x });

describe('numbers', () => {
	it('have three digits that count, and a minus that is one', () => {
		expect([0.8123, -0.04, 12.34, 123.4, 0, 1e-6, null].map((v) => figure(v))).toEqual(['0.812', '−0.040', '12.3', '123', '0.000', '1.0e−6', '–']);
	});
	it('say why there is none', () => {
		expect(value(m({ value: null }))).toBe('not defined');
		expect(interval(m({ low: null, note: 'too few patients' }))).toBe('too few patients');
		expect(value(m({ value: 3.2, unit: 'mm' }))).toBe('3.20 mm');
		expect(interval(m({}))).toBe('0.200 to 0.800');
	});
	it('have a picture where they are bounded', () => {
		expect([m({}), m({ unit: 'mm' }), m({ high: 1.2 }), m({ value: null })].map(bounded)).toEqual([true, false, false, false]);
	});
	it('of bytes and times', () => {
		expect([999, 1500, 2.5e7, 3e9, 5e12].map(bytes)).toEqual(['999 bytes', '1.5 kB', '25 MB', '3.0 GB', '5000 GB']);
		expect([0, 20, 600, 12000].map(spent)).toEqual(['–', 'under a minute', '10 min', '3 h 20 min']);
	});
});

describe('a layout in a table', () => {
	it('has a column for each arm and session', () => {
		const t = columns([
			{ reader: 'R-a', arm: 'aided', session: 2, cases: 2 },
			{ reader: 'R-a', arm: 'unaided', session: 1, cases: 3 },
			{ reader: 'R-b', arm: 'unaided', session: 1, cases: 5 },
		]);
		expect(t.heads).toEqual(['unaided, session 1', 'with AI, session 2']);
		expect(t.rows).toEqual([{ reader: 'R-a', cells: [3, 2] }, { reader: 'R-b', cells: [5, 0] }]);
	});
});

describe('the parts of a study', () => {
	const o = (...may: Action[]): Overview => ({ name: '', phase: 'reading', may, readers: [], truths: [] });
	it('are what the server lets one do', () => {
		expect(partsOf({ name: 'd', roles: ['adjudicator'] }, undefined).map((p) => p.name)).toEqual(['adjudication']);
		expect(partsOf({ name: 'c', roles: ['coordinator'] }, o('view progress', 'manage study', 'send to adjudication')).map((p) => p.name)).toEqual([
			'overview', 'protocol', 'cases', 'members', 'disagreements',
		]);
		expect(partsOf({ name: 'o', roles: ['auditor'] }, o('view progress', 'view access log')).map((p) => p.name)).toEqual(['overview', 'members', 'audit']);
	});
	it('have charts with addresses that are safe', () => {
		expect(chartAddress({ kind: 'pair', item: 'ef', arm: 'unaided', a: 'R-1 & more', b: 'R-2' }, true)).toBe('/api/agreement/chart?kind=pair&item=ef&arm=unaided&a=R-1+%26+more&b=R-2&theme=dark');
	});
});
