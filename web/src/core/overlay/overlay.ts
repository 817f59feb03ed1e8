/**
 * What is drawn over a frame: an SVG in screen space over a canvas with the masks. Lines keep their width whatever the zoom, and have a dark
 * border, so that they are seen on bright tissue and on dark. Nothing here takes pointers: the app listens on the canvas beneath.
 */
import type { Point, Shape } from '../../api/types';
import type { Placed, PlacedMask, Scene } from '../contract';
import { apply, type Affine } from '../geometry';
import { area } from '../masks/bits';
import { bitsOf } from '../masks/layer';
import { handles } from '../tools/handles';
import type { Picture } from '../tools/plane';
import { discsOf, ventricle } from '../tools/ventricle';
import { contours } from './contour';
import { placeLabels, type Wanted } from './labels';
import { looks } from './layers';
import { MaskCanvas } from './maskCanvas';
import { linesOf, pathOf, pathOfLines } from './path';
import { svg, textWidth, type Attributes } from './svg';

export interface View {
	readonly frame: number;
	readonly picture: Picture;
	/** from image to screen */
	readonly transform: Affine;
	/** CSS pixels */
	readonly width: number;
	readonly height: number;
}

const size = 13;
const lineHeight = 18;
/** Corners of masks beyond which their borders are not drawn. */
const mostCorners = 20_000;

interface Label extends Wanted {
	readonly text: string;
	readonly colour: string;
}

export class Overlay {
	readonly svg: SVGSVGElement;
	readonly #canvas: MaskCanvas;
	readonly #borders = new WeakMap<PlacedMask, { readonly d: string; readonly first: readonly Point[] }>();
	#last: { scene: Scene; view: View } | undefined;

	/** Puts the overlay into an element that is as large as the canvas beneath, and positioned. */
	constructor(private readonly host: HTMLElement) {
		const doc = host.ownerDocument;
		this.#canvas = new MaskCanvas(doc);
		this.svg = svg(doc, 'svg', { role: 'img', focusable: 'false' }) as SVGSVGElement;
		const s = this.svg.style;
		s.position = 'absolute';
		s.left = s.top = '0';
		s.pointerEvents = 'none';
		s.overflow = 'hidden';
		host.append(this.#canvas.element, this.svg);
	}

	/** Draws what of a scene belongs to the view's frame. */
	draw(scene: Scene, view: View): void {
		const l = this.#last;
		if (l && l.scene === scene && sameView(l.view, view)) return;
		this.#last = { scene, view };
		const masks = scene.masks.filter((m) => m.frame === view.frame && area(bitsOf(m)) > 0);
		this.#canvas.draw(masks, view.transform);
		const { width, height, transform: m } = view;
		this.svg.setAttribute('width', String(width));
		this.svg.setAttribute('height', String(height));
		this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
		const out: Element[] = [], labels: Label[] = [];
		for (const p of masks) this.#border(p, m, out, labels);
		const shown = scene.shapes.filter((p) => isIn(p.shape, view.frame));
		// The selected one on top, and its label first.
		shown.sort((a, b) => Number(a.id === scene.selected) - Number(b.id === scene.selected));
		for (const p of shown) this.#shape(p, scene, view, out, labels);
		if (scene.draft?.frame === view.frame) this.#draft(scene, view, out);
		this.#labels(labels.reverse(), width, height, out);
		if (scene.cursor) this.#brush(scene.cursor.point, scene.cursor.radius, view, out);
		if (scene.cross) this.#cross(apply(m, scene.cross), out);
		this.svg.replaceChildren(...out);
	}

	#add(out: Element[], name: string, a: Attributes): void {
		out.push(svg(this.host.ownerDocument, name, a));
	}

	/** A line with its dark border. */
	#line(out: Element[], d: string, a: Attributes, width: number): void {
		const base = { fill: 'none', 'stroke-linejoin': 'round', ...a };
		this.#add(out, 'path', { ...base, d, stroke: '#000', 'stroke-opacity': 0.7, 'stroke-width': width + 2.5, 'stroke-dasharray': undefined });
		this.#add(out, 'path', { ...base, d, 'stroke-width': width });
	}

	#shape(p: Placed, scene: Scene, view: View, out: Element[], labels: Label[]): void {
		const look = looks[p.layer], lines = linesOf(p.shape, view.transform), selected = p.id === scene.selected;
		if (p.shape.kind === 'trace') this.#discs(p.shape.points, view, p.size ?? [1, view.picture.aspect], look.colour, selected || p.layer === 'own', out);
		this.#line(out, pathOfLines(lines), { stroke: look.colour, 'stroke-dasharray': look.dash || undefined, 'data-shape': p.id }, selected ? 2.5 : 1.75);
		if (selected) this.#handles(p, scene.handle, view, out);
		const text = [look.letter, p.label].filter(Boolean).join(' ');
		if (text) labels.push({ text, colour: look.colour, lines, width: textWidth(this.host.ownerDocument, text, size) + 8, height: lineHeight });
	}

	/** Long axis, valve and discs: what the server sums, as a picture. */
	#discs(points: readonly Point[], { transform: m }: View, scale: Point, colour: string, all: boolean, out: Element[]): void {
		const v = ventricle(points, scale);
		if (!v) return;
		const to = (p: readonly Point[]): string => pathOf(p.map((q) => apply(m, q)), false);
		const chords = all ? discsOf(points, scale).flatMap((d) => d.chords).map(to).join('') : '';
		this.#add(out, 'path', { d: chords, fill: 'none', stroke: colour, 'stroke-width': 0.75, 'stroke-opacity': 0.6, 'data-part': 'discs' });
		this.#line(out, to([v.apex, v.base]), { stroke: colour, 'stroke-dasharray': '6 3', 'data-part': 'axis' }, 1);
		this.#line(out, to([points[0]!, points.at(-1)!]), { stroke: colour, 'stroke-dasharray': '2 3', 'data-part': 'valve' }, 1);
	}

	#handles(p: Placed, active: number | undefined, { transform: m, picture }: View, out: Element[]): void {
		const all = handles(p.shape, picture).map((h) => ({ ...h, at: apply(m, h.at) }));
		const mark = ({ at: [x, y], kind }: (typeof all)[number], r: number): string =>
			kind === 'landmark' ? `M${x} ${y - r * 1.4}l${r * 1.4} ${r * 1.4}l${-r * 1.4} ${r * 1.4}l${-r * 1.4} ${-r * 1.4}z` : `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`;
		const d = (kinds: readonly string[], r: number): string => all.filter((h) => kinds.includes(h.kind)).map((h) => mark(h, r)).join('');
		this.#add(out, 'path', { d: d(['vertex', 'corner', 'landmark'], all.length > 60 ? 2 : 4), fill: '#101214', stroke: looks[p.layer].colour, 'stroke-width': 1.5, 'data-part': 'handles' });
		this.#add(out, 'path', { d: d(['pull'], 2.5), fill: looks[p.layer].colour, stroke: '#101214', 'stroke-width': 1, 'data-part': 'pulls' });
		const h = active === undefined ? undefined : all[active];
		if (h) this.#add(out, 'path', { d: mark(h, 6), fill: '#fff', stroke: '#101214', 'stroke-width': 2, 'data-part': 'handle' });
	}

	#draft(scene: Scene, view: View, out: Element[]): void {
		const s = scene.draft!, look = looks.own;
		if (s.kind === 'trace') this.#discs(s.points, view, [1, view.picture.aspect], look.colour, true, out);
		this.#line(out, pathOfLines(linesOf(s, view.transform)), { stroke: look.colour, 'data-part': 'draft' }, 1.75);
		if (s.points.length > 60) return;
		const d = s.points.map((p) => apply(view.transform, p)).map(([x, y]) => `M${x - 2.5} ${y - 2.5}h5v5h-5z`).join('');
		this.#add(out, 'path', { d, fill: look.colour, stroke: '#101214', 'stroke-width': 1 });
	}

	/** A mask's border in image space: the same path for every zoom. */
	#border(p: PlacedMask, m: Affine, out: Element[], labels: Label[]): void {
		const look = looks[p.layer];
		let border = this.#borders.get(p);
		if (!border) {
			const loops = contours(bitsOf(p), mostCorners) ?? [];
			border = { d: loops.map((c) => pathOf(c, true)).join(''), first: loops[0] ?? [] };
			this.#borders.set(p, border);
		}
		if (!border.d) return;
		const a = { stroke: look.colour, 'stroke-dasharray': look.dash || undefined, transform: `matrix(${m.a} ${m.b} ${m.c} ${m.d} ${m.e} ${m.f})`, 'vector-effect': 'non-scaling-stroke' };
		this.#line(out, border.d, { ...a, 'data-part': 'mask' }, 1.25);
		if (!look.letter) return;
		const corner = border.first.map((q) => apply(m, q));
		labels.push({ text: look.letter, colour: look.colour, lines: [{ points: corner, closed: true }], width: textWidth(this.host.ownerDocument, look.letter, size) + 8, height: lineHeight });
	}

	#labels(labels: readonly Label[], width: number, height: number, out: Element[]): void {
		placeLabels(labels, width, height).forEach((b, i) => {
			if (!b) return;
			const { text, colour } = labels[i]!;
			const t = svg(this.host.ownerDocument, 'text', {
				x: b.x + 4, y: b.y + 13, fill: colour, stroke: '#000', 'stroke-width': 3, 'stroke-opacity': 0.8, 'stroke-linejoin': 'round', 'paint-order': 'stroke',
				'font-size': size, 'font-weight': 600, 'font-family': 'system-ui, sans-serif', 'data-part': 'label',
			});
			t.textContent = text;
			out.push(t);
		});
	}

	#brush(at: Point, radius: number, { transform: m, picture }: View, out: Element[]): void {
		const ring = Array.from({ length: 48 }, (_, i): Point => {
			const t = (2 * Math.PI * i) / 48;
			return apply(m, [at[0] + radius * Math.cos(t), at[1] + (radius / picture.aspect) * Math.sin(t)]);
		});
		this.#line(out, pathOf(ring, true), { stroke: '#fff', 'data-part': 'brush' }, 1);
	}

	#cross([x, y]: Point, out: Element[]): void {
		this.#line(out, `M${x - 14} ${y}h10M${x + 4} ${y}h10M${x} ${y - 14}v10M${x} ${y + 4}v10`, { stroke: '#fff', 'data-part': 'cross' }, 1.5);
	}

	/** Takes the overlay away. */
	close(): void {
		this.svg.remove();
		this.#canvas.element.remove();
	}
}

/** Calipers through a cine are seen from their first frame to their last. */
const isIn = (s: Shape, frame: number): boolean => (s.to ? s.frame <= frame && frame <= s.to : s.frame === frame);

const sameView = (a: View, b: View): boolean =>
	a.frame === b.frame && a.width === b.width && a.height === b.height && a.picture === b.picture &&
	(['a', 'b', 'c', 'd', 'e', 'f'] as const).every((k) => a.transform[k] === b.transform[k]);
