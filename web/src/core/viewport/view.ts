import type { Image, Point } from '../../api/types';
import type { View } from '../contract';
import { apply, compose, invert, type Affine } from '../geometry';

type Sized = Pick<Image, 'rows' | 'columns' | 'aspect'>;

export interface Size {
	readonly width: number;
	readonly height: number;
}

export const fitted: View = { scale: 0, centre: undefined, rotation: 0, flip: false, smooth: true };

/** CSS pixels for an image pixel's width. */
const SMALLEST = 1 / 64;
const GREATEST = 64;

/** The scale at which the whole image fits into the canvas: CSS pixels for an image pixel's width. */
export function fitScale(image: Sized, view: Pick<View, 'rotation'>, canvas: Size): number {
	const lying = view.rotation % 180 !== 0;
	const width = lying ? image.rows * image.aspect : image.columns;
	const height = lying ? image.columns : image.rows * image.aspect;
	return Math.max(Math.min(canvas.width / width, canvas.height / height), Number.MIN_VALUE);
}

/** The scale at which an image pixel is a pixel of the screen. */
export const oneToOne = (devicePixelRatio: number): number => 1 / devicePixelRatio;

export const effectiveScale = (image: Sized, view: View, canvas: Size): number => view.scale || fitScale(image, view, canvas);

const middle = (image: Sized): Point => [image.columns / 2, image.rows / 2];

const turned: Record<View['rotation'], readonly [number, number]> = { 0: [1, 0], 90: [0, 1], 180: [-1, 0], 270: [0, -1] };

/** From image space to screen space: mirrored, then rotated clockwise, then with the centre in the canvas' middle. */
export function transformOf(image: Sized, view: View, canvas: Size): Affine {
	const s = effectiveScale(image, view, canvas);
	const [cos, sin] = turned[view.rotation];
	const x = view.flip ? -s : s;
	const y = s * image.aspect;
	const m: Affine = { a: cos * x, b: sin * x, c: -sin * y, d: cos * y, e: 0, f: 0 };
	const [cx, cy] = view.centre ?? middle(image);
	return compose({ a: 1, b: 0, c: 0, d: 1, e: canvas.width / 2, f: canvas.height / 2 }, compose(m, { a: 1, b: 0, c: 0, d: 1, e: -cx, f: -cy }));
}

/** Keeps the image's own points in the middle of the canvas, so that nobody loses the image. */
function inside(image: Sized, [x, y]: Point): Point {
	return [Math.min(Math.max(x, 0), image.columns), Math.min(Math.max(y, 0), image.rows)];
}

/** The view after zooming by a factor about a point of the screen, under which the image stays. */
export function zoomed(image: Sized, view: View, canvas: Size, screen: Point, factor: number): View {
	const before = transformOf(image, view, canvas);
	const old = effectiveScale(image, view, canvas);
	const scale = Math.min(Math.max(old * factor, Math.min(SMALLEST, old)), Math.max(GREATEST, old));
	const under = apply(invert(before), screen);
	const at = apply(transformOf(image, { ...view, scale }, canvas), under);
	return panned(image, { ...view, scale }, canvas, screen[0] - at[0], screen[1] - at[1]);
}

/** The view after moving by CSS pixels. */
export function panned(image: Sized, view: View, canvas: Size, dx: number, dy: number): View {
	const back = invert(transformOf(image, view, canvas));
	return { ...view, centre: inside(image, apply(back, [canvas.width / 2 - dx, canvas.height / 2 - dy])) };
}
