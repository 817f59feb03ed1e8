/** The matrix of readers and cases as marks: one row a reader, arm and session, one column a case. Framework-free. */
import type { Cell, CellState, Overview } from './study';
import { arm as armOf } from './words';

export interface Row {
	/** mask */
	readonly reader: string;
	/** "with AI, session 2"; empty where a reader has one row */
	readonly what: string;
	/** a first row of its reader */
	readonly first: boolean;
	/** by case; undefined: not assigned, or not shown */
	readonly cells: readonly (Cell | undefined)[];
	readonly counts: Readonly<Record<CellState, number>>;
	readonly late: number;
}

/** Rows in the order of readers, then session, then unaided before aided; who has no assignment has none. */
export function rowsOf(o: Overview): readonly Row[] {
	const cells = o.cells ?? [], cases = o.cases?.length ?? 0;
	const by = new Map<string, Cell[]>();
	for (const c of cells) {
		const key = `${c.reader}\0${c.session}\0${c.arm}`;
		const list = by.get(key);
		if (list) list.push(c);
		else by.set(key, [c]);
	}
	const groups = [...by.values()].sort((a, b) => {
		const x = a[0]!, y = b[0]!;
		return x.reader - y.reader || x.session - y.session || rank(x.arm) - rank(y.arm);
	});
	const several = new Set<number>();
	groups.forEach((g, i) => {
		if (groups[i + 1]?.[0]!.reader === g[0]!.reader) several.add(g[0]!.reader);
	});
	let last = -1;
	return groups.map((g) => {
		const c = g[0]!;
		const line: (Cell | undefined)[] = Array.from({ length: cases }, () => undefined);
		const counts: Record<CellState, number> = { locked: 0, draft: 0, ready: 0, waiting: 0 };
		let late = 0;
		for (const x of g) {
			line[x.case] = x;
			counts[x.state]++;
			if (x.late) late++;
		}
		const first = c.reader !== last;
		last = c.reader;
		const sessions = groups.some((o) => o[0]!.reader === c.reader && o[0]!.session !== c.session);
		return {
			reader: o.readers[c.reader]?.reader ?? '',
			what: several.has(c.reader) ? armOf(c.arm) + (sessions ? `, session ${c.session}` : '') : c.arm === 'unaided' ? '' : armOf(c.arm),
			first, cells: line, counts, late,
		};
	});
}

const rank = (arm: string): number => ['unaided', 'aided', 'preference', 'adjudication'].indexOf(arm);

/** Columns that a row is drawn in at once: a long one is broken into lines of whole tens. */
export function lineLength(cases: number, width: number, cell: number): number {
	const fit = Math.floor(width / cell);
	if (cases <= fit) return Math.max(1, cases);
	return Math.max(10, Math.floor(fit / 10) * 10);
}
