/** Lines of shapes as SVG paths in screen space. */
import type { Point, Shape } from '../../api/types';
import { apply, type Affine } from '../geometry';
import { strokes } from '../tools/strokes';

const n = (x: number): string => String(Math.round(x * 100) / 100);

export const pathOf = (p: readonly Point[], closed: boolean): string =>
	p.length ? 'M' + p.map(([x, y]) => `${n(x)} ${n(y)}`).join('L') + (closed ? 'Z' : '') : '';

export interface ScreenLine {
	readonly points: readonly Point[];
	readonly closed: boolean;
}

/** A shape's lines in screen space; a single point is a small cross. */
export function linesOf(s: Pick<Shape, 'kind' | 'points'>, m: Affine): ScreenLine[] {
	return strokes(s).flatMap(({ points, closed }): ScreenLine[] => {
		const p = points.map((q) => apply(m, q));
		if (p.length !== 1) return [{ points: p, closed }];
		const [x, y] = p[0]!, r = 6;
		return [
			{ points: [[x - r, y], [x + r, y]], closed: false },
			{ points: [[x, y - r], [x, y + r]], closed: false },
		];
	});
}

export const pathOfLines = (lines: readonly ScreenLine[]): string => lines.map((l) => pathOf(l.points, l.closed)).join('');
