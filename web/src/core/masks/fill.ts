/** Filling: outlines by the server's rule, and regions that hang together. */
import type { Point } from '../../api/types';
import { emptyMask, get, setRange, type BitMask } from './bits';

/** Sets or clears the pixels whose middle a polygon holds: even-odd, as measure.Shape.Fill does it. */
export function fillOutline(m: BitMask, out: readonly Point[], on: boolean): void {
	const cuts: number[][] = [];
	for (let i = 0; i < out.length; i++) {
		const p = out[i]!, q = out[(i + 1) % out.length]!;
		const from = Math.max(0, Math.ceil(Math.min(p[1], q[1]) - 0.5)), to = Math.min(m.rows - 1, Math.ceil(Math.max(p[1], q[1]) - 0.5));
		for (let y = from; y <= to; y++) {
			const at = y + 0.5;
			if (p[1] <= at === q[1] <= at) continue;
			const x = p[0] + ((at - p[1]) / (q[1] - p[1])) * (q[0] - p[0]);
			(cuts[y] ??= []).push(Math.max(0, Math.ceil(x - 0.5)));
		}
	}
	cuts.forEach((c, y) => {
		c.sort((a, b) => a - b);
		for (let k = 0; k + 1 < c.length; k += 2) setRange(m, y, c[k]!, c[k + 1]!, on);
	});
}

/** The pixels that hang together with one by edges and are as it is, and whether they reach the picture's border. */
export function region(m: BitMask, x: number, y: number): { mask: BitMask; open: boolean } {
	const out = emptyMask(m.rows, m.columns), on = get(m, x, y);
	let open = false;
	const todo: number[] = [x, y];
	while (todo.length) {
		const row = todo.pop()!, col = todo.pop()!;
		if (get(out, col, row)) continue;
		let a = col, b = col + 1;
		while (a > 0 && get(m, a - 1, row) === on) a--;
		while (b < m.columns && get(m, b, row) === on) b++;
		setRange(out, row, a, b, true);
		open ||= a === 0 || b === m.columns || row === 0 || row === m.rows - 1;
		for (const near of [row - 1, row + 1]) {
			if (near < 0 || near >= m.rows) continue;
			let before = false;
			for (let c = a; c < b; c++) {
				const is = get(m, c, near) === on && !get(out, c, near);
				if (is && !before) todo.push(c, near);
				before = is;
			}
		}
	}
	return { mask: out, open };
}
