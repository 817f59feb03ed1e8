import type { Point } from '../../../api/types';
import type { Tool } from '../pen';
import { across, within } from '../axes';

/** A line, then one across it: at right angles as the picture is shown, or free with alt. */
export const bidirectional: Tool = {
	kind: 'bidirectional',
	hand: 'never',
	clicks: () => 4,
	shape(p, picture, free) {
		if (p.length < 4 || free) return p;
		const [a, b, c, d] = p as [Point, Point, Point, Point];
		const n = across(a, b, picture.aspect);
		if (!n) return p;
		const far = ((d[0] - c[0]) * n.view[0] + (d[1] - c[1]) * picture.aspect * n.view[1]);
		return [a, b, c, within(c, n.image, far, picture)];
	},
};
