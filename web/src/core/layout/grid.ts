/** How many cells there are and which display each shows. */
export interface Grid {
	readonly rows: number;
	readonly columns: number;
	/** ids of displays, by rows; undefined: the cell is empty */
	readonly cells: readonly (string | undefined)[];
	/** the cell that keys and tools are for */
	readonly active: number;
	/** the cell that alone is seen for now; undefined: all are */
	readonly alone: number | undefined;
}

/** Rows and columns that can be chosen. */
export const GRIDS: readonly (readonly [rows: number, columns: number])[] = [[1, 1], [1, 2], [2, 1], [1, 3], [2, 2], [3, 1], [2, 3], [3, 2], [3, 3]];

const side = (n: number): number => Math.min(Math.max(Math.round(n), 1), 3);

/** A grid that shows the first displays, or those named. */
export function grid(rows: number, columns: number, displays: readonly (string | undefined)[]): Grid {
	const n = side(rows) * side(columns);
	return { rows: side(rows), columns: side(columns), cells: Array.from({ length: n }, (_, i) => displays[i]), active: 0, alone: undefined };
}

/** The grid with other rows and columns: what is shown stays in its order, new cells get displays that are not shown yet. The active one stays. */
export function resized(g: Grid, rows: number, columns: number, displays: readonly string[]): Grid {
	const next = grid(rows, columns, []);
	const n = next.cells.length;
	const shown = g.cells.filter((c) => c !== undefined);
	const active = g.cells[g.active];
	let kept = shown.slice(0, n);
	if (active !== undefined && !kept.includes(active)) kept = [active, ...kept.slice(0, n - 1)];
	const more = displays.filter((d) => !kept.includes(d)).slice(0, n - kept.length);
	const cells = [...kept, ...more];
	return { ...next, cells: Array.from({ length: n }, (_, i) => cells[i]), active: Math.max(0, active === undefined ? 0 : cells.indexOf(active)) };
}

/** Shows a display in a cell. One that is shown elsewhere changes places with what was there. */
export function put(g: Grid, cell: number, display: string): Grid {
	if (cell < 0 || cell >= g.cells.length) return g;
	const cells = [...g.cells];
	const old = cells.indexOf(display);
	if (old >= 0) cells[old] = cells[cell];
	cells[cell] = display;
	return { ...g, cells, active: cell };
}

export function activate(g: Grid, cell: number): Grid {
	return cell >= 0 && cell < g.cells.length ? { ...g, active: cell, alone: g.alone === undefined ? undefined : cell } : g;
}

/** The next cell that shows something, or with −1 the one before. */
export function step(g: Grid, by: 1 | -1): Grid {
	for (let i = 1; i <= g.cells.length; i++) {
		const cell = (g.active + by * i + i * g.cells.length) % g.cells.length;
		if (g.cells[cell] !== undefined) return activate(g, cell);
	}
	return g;
}

/** Shows the active cell alone, or all again. */
export const toggleAlone = (g: Grid): Grid => ({ ...g, alone: g.alone === undefined && g.cells.length > 1 ? g.active : undefined });

/** The display after the active cell's, or before it, in the case's order; in the active cell. */
export function page(g: Grid, by: 1 | -1, displays: readonly string[]): Grid {
	const now = displays.indexOf(g.cells[g.active] ?? '');
	const next = displays[now < 0 ? (by > 0 ? 0 : displays.length - 1) : now + by];
	return next === undefined ? g : put(g, g.active, next);
}
