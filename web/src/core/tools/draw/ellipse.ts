import type { Point } from '../../../api/types';
import { middle } from '../plane';
import type { Tool } from '../pen';
import { across, reach, within } from '../axes';

/** Both ends of one axis, then how far the curve goes across it: at right angles as the picture is shown. */
export const ellipse: Tool = {
	kind: 'ellipse',
	hand: 'never',
	clicks: () => 3,
	shape(p, picture) {
		if (p.length < 3) return p;
		const [a, b, c] = p as [Point, Point, Point];
		const n = across(a, b, picture.aspect);
		if (!n) return p.slice(0, 2);
		const m = middle(a, b);
		const half = Math.abs((c[0] - m[0]) * n.view[0] + (c[1] - m[1]) * picture.aspect * n.view[1]);
		const h = Math.min(half, reach(m, n.image, picture), reach(m, [-n.image[0], -n.image[1]], picture));
		return [a, b, within(m, n.image, -h, picture), within(m, n.image, h, picture)];
	},
};
