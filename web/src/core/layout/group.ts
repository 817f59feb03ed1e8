import type { Point, Sync, Vector } from '../../api/types';
import type { Unsubscribe, Viewport } from '../contract';
import type { Display } from '../stack/series';
import { crossLine, locate, placeAt, sliceAt, depthOf } from '../stack/space';
import { follow, type Track } from './sync';

/** A viewport and what it shows. */
export interface Member {
	readonly viewport: Viewport;
	readonly display: Display;
}

const track = (m: Member): Track => ({ image: m.display.image, stack: m.display.stack });

/**
 * Viewports that are seen together. What one shows the others follow: frames by time, number, phase or position, and if they are linked zoom, pan and
 * window. Whoever is moved leads; what moves because of it leads nobody.
 */
export class Group {
	readonly #members = new Map<Member, Unsubscribe>();
	#sync: Sync = 'none';
	/** mm that stacks of different frames of reference are apart, by leader and follower */
	#offsets = new Map<Member, number>();
	#following = false;
	linkView = false;
	linkWindow = false;

	get sync(): Sync {
		return this.#sync;
	}

	/** How frames go together. By position, stacks of different frames of reference keep the distance that they have now. */
	set sync(s: Sync) {
		this.#sync = s;
		this.#offsets = new Map([...this.#members.keys()].map((m) => [m, m.display.stack?.slices[m.viewport.wanted]?.mm ?? 0]));
	}

	add(m: Member): Unsubscribe {
		const v = m.viewport;
		const ends = [v.on('wanted', () => this.#lead(m)), v.on('view', () => this.#leadView(m)), v.on('grey', () => this.#leadWindow(m)), v.on('play', () => this.#leadPlay(m))];
		const end = () => {
			for (const e of ends) e();
			this.#members.delete(m);
			this.#offsets.delete(m);
		};
		this.#members.set(m, end);
		this.#offsets.set(m, m.display.stack?.slices[v.wanted]?.mm ?? 0);
		return end;
	}

	clear(): void {
		for (const end of [...this.#members.values()]) end();
	}

	/** Lets all follow one: after another way of going together was chosen. */
	align(m: Member): void {
		this.#lead(m);
	}

	#others(m: Member, f: (o: Member) => void): void {
		if (this.#following) return;
		this.#following = true;
		try {
			for (const o of this.#members.keys()) if (o !== m) f(o);
		} finally {
			this.#following = false;
		}
	}

	#lead(m: Member): void {
		if (this.#sync === 'none') return;
		this.#others(m, (o) => {
			const offset = (this.#offsets.get(o) ?? 0) - (this.#offsets.get(m) ?? 0);
			const n = follow(this.#sync, track(m), m.viewport.wanted, track(o), offset);
			if (n !== undefined && n !== o.viewport.wanted) o.viewport.show(n);
		});
	}

	/** Where frames go together one loop plays and the others follow: two clocks would drift. */
	#leadPlay(m: Member): void {
		if (this.#sync === 'none' || !m.viewport.play.playing) return;
		this.#others(m, (o) => {
			if (o.viewport.play.playing) o.viewport.setPlay({ playing: false });
		});
	}

	#leadView(m: Member): void {
		if (!this.linkView) return;
		const { view } = m.viewport;
		const zoom = view.scale === 0 ? 0 : view.scale / m.viewport.fit();
		const { columns, rows } = m.display.image;
		this.#others(m, (o) => {
			const to = o.display.image;
			o.viewport.setView({
				scale: zoom * o.viewport.fit(),
				centre: view.centre && [(view.centre[0] / columns) * to.columns, (view.centre[1] / rows) * to.rows],
			});
		});
	}

	/** Windows are values: pictures that are alike in depth and rescaling have them in common. */
	#leadWindow(m: Member): void {
		if (!this.linkWindow || m.display.image.samples !== 1) return;
		const { window, invert } = m.viewport.grey;
		this.#others(m, (o) => {
			const a = m.display.image, b = o.display.image;
			if (b.samples === 1 && a.bits_stored === b.bits_stored && !a.rescale === !b.rescale) o.viewport.setGrey({ window, invert });
		});
	}

	/** The place in the patient of an image point that a member shows; undefined where its place is not known. */
	place(m: Member, point: Point): Vector | undefined {
		return m.display.stack && placeAt(m.display.stack, m.viewport.wanted, point);
	}

	/** Lets the other stacks of the space show a place, where they reach it: what a crosshair's drag does. */
	goTo(m: Member, point: Point): void {
		const place = this.place(m, point);
		if (!place) return;
		this.#others(m, (o) => {
			const s = o.display.stack;
			if (s && s.space === m.display.stack!.space && s.slices.length > 1 && locate(s, place, o.display.image)) o.viewport.show(sliceAt(s, depthOf(s, place)).slice);
		});
	}

	/** The point at which a member shows a place on the slice that it shows; undefined where it does not. */
	crosshair(m: Member, place: Vector, space: number): Point | undefined {
		const s = m.display.stack;
		if (!s || s.space !== space) return undefined;
		const at = locate(s, place, m.display.image);
		return at && (s.slices.length === 1 || at.slice === m.viewport.wanted) ? at.point : undefined;
	}

	/** The line in which the slice that another member shows cuts the image of this one. */
	line(m: Member, of: Member): readonly [Point, Point] | undefined {
		const a = of.display.stack, b = m.display.stack;
		return a && b && crossLine(a, of.viewport.wanted, of.display.image, b, m.viewport.wanted, m.display.image);
	}
}
