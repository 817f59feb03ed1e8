/** Fewer points for the same line. */
import type { Point } from '../../api/types';
import { nearest, resample } from './plane';
import { maxPoints } from './kinds';

/** Points without which an open path would be off by more than a tolerance (Ramer 1972, Douglas and Peucker 1973); both ends stay. */
export function simplify(p: readonly Point[], tolerance: number): Point[] {
	if (p.length < 3) return [...p];
	const keep = new Uint8Array(p.length);
	keep[0] = keep[p.length - 1] = 1;
	const todo: [number, number][] = [[0, p.length - 1]];
	for (let next = todo.pop(); next; next = todo.pop()) {
		const [a, b] = next;
		let far = tolerance, at = -1;
		for (let i = a + 1; i < b; i++) {
			const d = nearest(p[i]!, p[a]!, p[b]!).distance;
			if (d > far) [far, at] = [d, i];
		}
		if (at < 0) continue;
		keep[at] = 1;
		todo.push([a, at], [at, b]);
	}
	return p.filter((_, i) => keep[i]);
}

/**
 * A hand's stroke as a shape's points: none off by more than a tolerance, which grows until they are few enough; a stroke that is nearly
 * straight gets points in between until there are least of them.
 */
export function thin(p: readonly Point[], tolerance: number, least: number, most = maxPoints): Point[] {
	let out = simplify(p, tolerance);
	for (let t = Math.max(tolerance, 1e-3) * 2; out.length > most; t *= 2) out = simplify(p, t);
	return out.length < least && out.length > 1 ? resample(p, least, false) : out;
}
