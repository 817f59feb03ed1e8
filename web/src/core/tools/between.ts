/** Shapes between two shapes of the same kind: points that belong together go straight from one to the other. */
import type { Drawn, Point } from '../../api/types';
import { distance } from '../geometry';
import { counts } from './kinds';
import { mix, resample } from './plane';
import { ventricle } from './ventricle';

const apart = (p: readonly Point[], q: readonly Point[]): number => p.reduce((sum, a, i) => sum + distance(a, q[i]!) ** 2, 0);

/** The second list turned round, or begun elsewhere, so that its points lie nearest to the first's. */
function cyclic(p: readonly Point[], q: readonly Point[]): readonly Point[] {
	let best = q, least = Infinity;
	for (const way of [q, [...q].reverse()]) {
		for (let k = 0; k < way.length; k++) {
			let sum = 0;
			for (let i = 0; i < p.length && sum < least; i++) sum += distance(p[i]!, way[(i + k) % way.length]!) ** 2;
			if (sum < least) [least, best] = [sum, [...way.slice(k), ...way.slice(0, k)]];
		}
	}
	return best;
}

/** Lines of two points each the same way round. */
const sameWay = (p: readonly Point[], q: readonly Point[]): Point[] => {
	const out: Point[] = [];
	for (let i = 0; i + 1 < q.length; i += 2) {
		const [a, b] = [p.slice(i, i + 2), q.slice(i, i + 2)];
		out.push(...(apart(a, b) <= apart(a, [...b].reverse()) ? b : [...b].reverse()));
	}
	return out;
};

/** Traces as points at equal parts of the wall, each side of the apex for itself, so that apex goes to apex. */
function byApex(p: readonly Point[], q: readonly Point[], aspect: number): [Point[], Point[]] {
	const back = distance(p[0]!, q[0]!) ** 2 + distance(p.at(-1)!, q.at(-1)!) ** 2 > distance(p[0]!, q.at(-1)!) ** 2 + distance(p.at(-1)!, q[0]!) ** 2;
	const w = back ? [...q].reverse() : q;
	const i = ventricle(p, [1, aspect])?.index ?? p.length >> 1, j = ventricle(w, [1, aspect])?.index ?? w.length >> 1;
	const n = Math.max(i, j, 2) + 1, m = Math.max(p.length - i, w.length - j, 3);
	const both = (s: readonly Point[], k: number): Point[] => [...resample(s.slice(0, k + 1), n, false), ...resample(s.slice(k), m, false).slice(1)];
	return [both(p, i), both(w, j)];
}

/** Points of both that belong together. */
export function matched(a: Drawn, b: Drawn, aspect = 1): [readonly Point[], readonly Point[]] | undefined {
	const p = a.points, q = b.points;
	if (a.kind !== b.kind) return undefined;
	switch (a.kind) {
		case 'trace':
			return byApex(p, q, aspect);
		case 'polygon':
		case 'spline':
		case 'freehand': {
			if (p.length === q.length && a.kind !== 'freehand') return [p, cyclic(p, q)];
			const n = Math.min(256, Math.max(p.length, q.length)), r = resample(p, n, true);
			return [r, cyclic(r, resample(q, n, true))];
		}
		case 'polyline': {
			const n = Math.max(p.length, q.length), r = p.length === n ? p : resample(p, n, false), s = q.length === n ? q : resample(q, n, false);
			return [r, apart(r, s) <= apart(r, [...s].reverse()) ? s : [...s].reverse()];
		}
		case 'length':
		case 'caliper':
		case 'bidirectional':
		case 'ellipse':
			return [p, sameWay(p, q)];
		default:
			return p.length === q.length ? [p, q] : undefined;
	}
}

/** The shape at a part of the way, 0 to 1; undefined where the two have nothing in common. */
export function shapeBetween(a: Drawn, b: Drawn, t: number, frame: number, aspect = 1): Drawn | undefined {
	const m = matched(a, b, aspect);
	if (!m) return undefined;
	const points = m[0].map((p, i) => mix(p, m[1][i]!, t));
	return points.length < counts[a.kind][0] ? undefined : { ...a, frame, points };
}
