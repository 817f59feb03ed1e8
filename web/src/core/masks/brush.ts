/** A round brush drawn from one place to the next, without gaps. */
import type { Point } from '../../api/types';
import { setRange, type BitMask } from './bits';

/** Says of a pixel (its column and row) whether the brush may change it. */
export type Where = (x: number, y: number) => boolean;

/** Rows from first to before last that may have changed. */
export interface Rows {
	readonly first: number;
	readonly last: number;
}

const slack = 1e-9;

/**
 * Sets (or clears) the pixels whose middle is within a radius of the line from a to b. Points are image space; the radius is in columns'
 * widths; aspect is how many times as high as wide a pixel is shown, so that the brush is round on the screen. A brush that is smaller than
 * a pixel takes the pixel that it stands on.
 */
export function paint(m: BitMask, a: Point, b: Point, radius: number, aspect: number, on: boolean, where?: Where): Rows {
	const r = Math.max(radius, 0.5);
	const ax = a[0], ay = a[1] * aspect, bx = b[0], by = b[1] * aspect;
	const first = Math.max(0, Math.ceil((Math.min(ay, by) - r) / aspect - 0.5 - slack));
	const last = Math.min(m.rows, Math.floor((Math.max(ay, by) + r) / aspect - 0.5 + slack) + 1);
	const len = Math.hypot(bx - ax, by - ay), nx = len ? (-(by - ay) / len) * r : 0, ny = len ? ((bx - ax) / len) * r : 0;
	const corners = [ax + nx, ay + ny, bx + nx, by + ny, bx - nx, by - ny, ax - nx, ay - ny];
	for (let y = first; y < last; y++) {
		const at = (y + 0.5) * aspect;
		let lo = Infinity, hi = -Infinity;
		const reach = (x: number, d: number): void => {
			lo = Math.min(lo, x - d);
			hi = Math.max(hi, x + d);
		};
		// Both round ends, and the straight part between: together they are convex, so a row has one piece.
		const da = r * r - (at - ay) ** 2, db = r * r - (at - by) ** 2;
		if (da >= -slack) reach(ax, Math.sqrt(Math.max(0, da)));
		if (db >= -slack) reach(bx, Math.sqrt(Math.max(0, db)));
		if (len) {
			for (let k = 0; k < 8; k += 2) {
				const px = corners[k]!, py = corners[k + 1]!, qx = corners[(k + 2) % 8]!, qy = corners[(k + 3) % 8]!;
				if (py <= at !== qy <= at) reach(px + ((at - py) / (qy - py)) * (qx - px), 0);
			}
		}
		if (hi >= lo) set(m, y, Math.ceil(lo - 0.5 - slack), Math.floor(hi - 0.5 + slack) + 1, on, where);
	}
	if (radius >= 1) return { first, last };
	for (const [x, y] of [a, b]) set(m, Math.floor(y), Math.floor(x), Math.floor(x) + 1, on, where);
	return { first: Math.max(0, Math.min(first, Math.floor(a[1]), Math.floor(b[1]))), last: Math.min(m.rows, Math.max(last, Math.floor(a[1]) + 1, Math.floor(b[1]) + 1)) };
}

function set(m: BitMask, y: number, x0: number, x1: number, on: boolean, where: Where | undefined): void {
	if (!where) return setRange(m, y, x0, x1, on);
	if (y < 0 || y >= m.rows) return;
	x1 = Math.min(m.columns, x1);
	for (let x = Math.max(0, x0); x < x1; x++) if (where(x, y)) setRange(m, y, x, x + 1, on);
}
