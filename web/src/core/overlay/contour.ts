/** The border of a mask along the edges of its pixels. */
import type { Point } from '../../api/types';
import { emptyMask, get, next, setRange, type BitMask } from '../masks/bits';

const go: readonly Point[] = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/**
 * Closed loops of corners in image space, what is inside on the right of the way; pixels that meet in a corner only are apart. Undefined
 * where there would be more corners than most: what was painted is too fine for lines.
 */
export function contours(m: BitMask, most = Infinity): Point[][] | undefined {
	const seen = emptyMask(m.rows, m.columns), out: Point[][] = [];
	let corners = 0;
	const is = (x: number, y: number): boolean => x >= 0 && y >= 0 && x < m.columns && y < m.rows && get(m, x, y);
	for (let y = 0; y < m.rows; y++) {
		for (let x = next(m, y, 0, false); x < m.columns; x = next(m, y, next(m, y, x, true), false)) {
			if (get(seen, x, y)) continue;
			// Up along the left edge of the pixel, and round.
			const loop: Point[] = [];
			let px = x, py = y + 1, dir = 3;
			do {
				if (dir === 3) setRange(seen, py - 1, px, px + 1, true);
				px += go[dir]![0];
				py += go[dir]![1];
				// The two pixels ahead, left and right of the way.
				const right = dir === 0 ? is(px, py) : dir === 1 ? is(px - 1, py) : dir === 2 ? is(px - 1, py - 1) : is(px, py - 1);
				const left = dir === 0 ? is(px, py - 1) : dir === 1 ? is(px, py) : dir === 2 ? is(px - 1, py) : is(px - 1, py - 1);
				const turn = !right ? 1 : left ? 3 : 0;
				if (turn) {
					loop.push([px, py]);
					dir = (dir + turn) % 4;
					if (++corners > most) return undefined;
				}
			} while (px !== x || py !== y + 1 || dir !== 3);
			out.push(loop);
		}
	}
	return out;
}
