import { describe, expect, it } from 'vitest';
import { lineLength, rowsOf } from './matrix';
import type { Cell, Overview } from './study';

const reader = (mask: string) => ({ reader: mask, assigned: 0, drafts: 0, locked: 0, late: 0, seconds: 0, requirements: [] });
const kase = (number: number) => ({ id: `c${number}`, number, patient: number, images: 1, frames: 1 });
const of = (cells: readonly Cell[]): Overview => ({ name: 's', phase: 'reading', may: [], readers: [reader('R-a'), reader('R-b')], cases: [kase(1), kase(2), kase(3)], cells, truths: [] });

describe('rows of the matrix', () => {
	it('are by reader, session and arm, with a place for every case', () => {
		const rows = rowsOf(
			of([
				{ reader: 1, case: 2, arm: 'unaided', session: 1, state: 'ready', late: true },
				{ reader: 0, case: 0, arm: 'aided', session: 1, state: 'waiting' },
				{ reader: 0, case: 0, arm: 'unaided', session: 1, state: 'locked' },
				{ reader: 0, case: 1, arm: 'unaided', session: 1, state: 'draft' },
			]),
		);
		expect(rows.map((r) => [r.reader, r.what, r.first])).toEqual([['R-a', 'unaided', true], ['R-a', 'with AI', false], ['R-b', '', true]]);
		expect(rows[0]!.cells.map((c) => c?.state)).toEqual(['locked', 'draft', undefined]);
		expect(rows[0]!.counts).toEqual({ locked: 1, draft: 1, ready: 0, waiting: 0 });
		expect(rows[2]!.late).toBe(1);
	});
	it('say the session where there are several', () => {
		const rows = rowsOf(of([{ reader: 0, case: 0, arm: 'aided', session: 2, state: 'waiting' }, { reader: 0, case: 0, arm: 'unaided', session: 1, state: 'ready' }]));
		expect(rows.map((r) => r.what)).toEqual(['unaided, session 1', 'with AI, session 2']);
	});
	it('are none where nothing is assigned or shown', () => {
		expect(rowsOf(of([]))).toEqual([]);
		const { cells: _, cases: __, ...bare } = of([]);
		expect(rowsOf(bare)).toEqual([]);
	});
});

describe('a line of the matrix', () => {
	it('holds all cases where they fit, else whole tens', () => {
		expect(lineLength(30, 900, 16)).toBe(30);
		expect(lineLength(200, 900, 16)).toBe(50);
		expect(lineLength(200, 100, 16)).toBe(10);
		expect(lineLength(0, 900, 16)).toBe(1);
	});
});
