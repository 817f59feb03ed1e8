import type { Image, Point, Stack, Vector } from '../../api/types';

/**
 * Where image points lie in the patient and where a place lies in other images (PS3.3 C.7.6.2.1.1): for crosshairs, lines of intersection and moving
 * together. What is measured is the server's affair.
 */

export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const along = (a: Vector, ...steps: readonly (readonly [number, Vector])[]): Vector =>
	steps.reduce<Vector>((p, [k, v]) => [p[0] + k * v[0], p[1] + k * v[1], p[2] + k * v[2]], a);

export function normal(s: Pick<Stack, 'row' | 'column'>): Vector {
	const [a, b] = [s.row, s.column];
	return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** The place of an image point of a slice, mm. */
export function placeAt(s: Stack, slice: number, [x, y]: Point): Vector {
	const [height, width] = s.pixel;
	return along(s.slices[slice]!.at, [(x - 0.5) * width, s.row], [(y - 0.5) * height, s.column]);
}

/** The image point of a slice that is nearest to a place; it may lie outside of the image. */
export function pointAt(s: Stack, slice: number, place: Vector): Point {
	const [height, width] = s.pixel;
	const d = minus(place, s.slices[slice]!.at);
	return [dot(d, s.row) / width + 0.5, dot(d, s.column) / height + 0.5];
}

/** mm of a place along the normal, from the first slice. */
export const depthOf = (s: Stack, place: Vector): number => dot(minus(place, s.slices[0]!.at), normal(s));

/** The slice that is nearest to so many mm from the first, and how far off it is. */
export function sliceAt(s: Pick<Stack, 'slices'>, mm: number): { readonly slice: number; readonly off: number } {
	let slice = 0;
	s.slices.forEach((p, i) => {
		if (Math.abs(p.mm - mm) < Math.abs(s.slices[slice]!.mm - mm)) slice = i;
	});
	return { slice, off: Math.abs(s.slices[slice]!.mm - mm) };
}

/** A place as another stack shows it. */
export interface Crossing {
	readonly slice: number;
	readonly point: Point;
}

/**
 * Where a place lies in a stack of the same space: the nearest slice and the point in it. Undefined where the stack does not reach: more than half a
 * spacing (of a single slice: 5 mm) before or behind it, or beside the image.
 */
export function locate(s: Stack, place: Vector, image: Pick<Image, 'rows' | 'columns'>): Crossing | undefined {
	const { slice, off } = sliceAt(s, depthOf(s, place));
	if (off > (s.spacing > 0 ? s.spacing * 0.5 + 1e-3 : 5)) return undefined;
	const point = pointAt(s, slice, place);
	if (!(point[0] >= 0 && point[1] >= 0 && point[0] <= image.columns && point[1] <= image.rows)) return undefined;
	return { slice, point };
}

/**
 * The line in which the plane of one slice cuts another slice's image, from edge to edge: image points of that one. Undefined where the planes are
 * parallel, or where the line misses either image.
 */
export function crossLine(
	of: Stack, ofSlice: number, ofImage: Pick<Image, 'rows' | 'columns'>,
	inStack: Stack, inSlice: number, inImage: Pick<Image, 'rows' | 'columns'>,
): readonly [Point, Point] | undefined {
	if (of.space !== inStack.space) return undefined;
	const n = normal(of);
	// Signed distance of an image point of the other slice to the plane: d + u·x + v·y.
	const distance = (p: Point) => dot(minus(placeAt(inStack, inSlice, p), of.slices[ofSlice]!.at), n);
	const d = distance([0, 0]), u = distance([1, 0]) - d, v = distance([0, 1]) - d;
	const size = Math.hypot(u, v);
	if (size < 1e-3 * Math.min(...inStack.pixel)) return undefined;
	const from: Point = [(-d * u) / size ** 2, (-d * v) / size ** 2];
	const way: Point = [-v / size, u / size];
	let line = clip(from, way, [-1e9, 1e9], inImage.columns, inImage.rows);
	if (!line) return undefined;
	// What the first image sees of it: the same line in its own points.
	const other = (t: number) => pointAt(of, ofSlice, placeAt(inStack, inSlice, [from[0] + t * way[0], from[1] + t * way[1]]));
	const a = other(0), b = other(1);
	line = clip(a, [b[0] - a[0], b[1] - a[1]], line, ofImage.columns, ofImage.rows);
	if (!line || line[1] - line[0] < 1e-6) return undefined;
	return [[from[0] + line[0] * way[0], from[1] + line[0] * way[1]], [from[0] + line[1] * way[0], from[1] + line[1] * way[1]]];
}

/** Part of a line's parameter for which it lies in a rectangle from (0,0). (Liang and Barsky 1984.) */
function clip(p: Point, way: Point, [from, to]: readonly [number, number], width: number, height: number): readonly [number, number] | undefined {
	for (const [at, step, size] of [[p[0], way[0], width], [p[1], way[1], height]] as const) {
		if (Math.abs(step) < 1e-12) {
			if (at < 0 || at > size) return undefined;
			continue;
		}
		const [a, b] = [-at / step, (size - at) / step];
		from = Math.max(from, Math.min(a, b));
		to = Math.min(to, Math.max(a, b));
	}
	return from <= to ? [from, to] : undefined;
}
