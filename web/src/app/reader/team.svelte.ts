import type { Stream } from '../../api/stream';
import type { LiveDrawing, Stroke } from '../../api/team';
import type { Drawn, Image, Point } from '../../api/types';
import type { Placed, PlacedMask, ToolName } from '../../core/contract';
import { emptyMask, encode } from '../../core/masks/bits';
import { paint } from '../../core/masks/brush';
import { say } from '../../ui/notices.svelte';
import { painters, Painting } from './painting';

const most = 1000; // points of a stroke that is told while it is made

/** Where something is drawn: images from 1, frames from 0. */
interface At {
	readonly image: number;
	readonly frame: number;
	readonly item: string | undefined;
}

/** Those who are in the same reading: what they draw is seen here while they draw it, and what one draws oneself is seen there. */
export class Team {
	shapes = $state.raw<readonly Placed[]>([]);
	masks = $state.raw<readonly PlacedMask[]>([]);
	#told = false;
	#stroke: { at: At; stroke: Stroke } | undefined;
	readonly #painting: Painting;
	readonly #off: () => void;

	constructor(
		private readonly stream: Stream,
		who: string,
		private readonly reading: () => string | undefined,
		image: (n: number) => Image | undefined,
	) {
		this.#painting = new Painting({ who, together: () => this.#others, leases: () => stream.leases.get(), lease: (at) => stream.lease(at), say });
		this.#off = stream.live.subscribe((all) => {
			const here = all.filter((d) => d.reading === reading() && !d.done);
			this.shapes = here.flatMap((d) => (d.shape ? [shapeOf(d, d.shape)] : []));
			this.masks = here.flatMap((d) => strokeMask(d, image(d.image)) ?? []);
		});
	}

	get #others(): boolean {
		return this.stream.presence.get().length > 0;
	}

	/** Shows the others a shape while it is drawn; undefined: it is done. */
	draw(at: At, shape: Drawn | undefined): void {
		this.#tell(at, shape && { shape });
	}

	/** Whether a tool may be pressed here: nobody else paints this mask. What a brush does from here on is shown to the others. */
	press(tool: ToolName, at: At, p: Point, radius: number): boolean {
		const reading = this.reading();
		if (!painters.includes(tool) || !reading || !at.item) return true;
		if (!this.#painting.begin({ reading, item: at.item, image: at.image, frame: at.frame })) return false;
		if (tool === 'brush' || tool === 'erase') this.#stroke = { at, stroke: { radius, erase: tool === 'erase', points: [p] } };
		return true;
	}

	/** A brush goes on. */
	move(p: Point): void {
		const s = this.#stroke;
		if (!s || s.stroke.points.length >= most) return;
		this.#stroke = { ...s, stroke: { ...s.stroke, points: [...s.stroke.points, p] } };
		this.#tell(s.at, { stroke: this.#stroke.stroke });
	}

	/** A brush is lifted. */
	lift(): void {
		const s = this.#stroke;
		this.#stroke = undefined;
		if (s) this.#tell(s.at, undefined);
	}

	close(): void {
		this.#off();
		this.lift();
		this.#painting.end();
	}

	#tell({ image, frame, item }: At, what: { shape: Drawn } | { stroke: Stroke } | undefined): void {
		const reading = this.reading();
		if (!reading || (!what && !this.#told) || (!this.#others && !this.#told)) return;
		this.#told = !!what;
		const at = { reading, image, frame, ...(item !== undefined && { item }) };
		this.stream.draw(what ? { ...at, ...what } : { ...at, done: true });
	}
}

const shapeOf = (d: LiveDrawing, shape: Drawn): Placed => ({
	id: `live/${d.who}/${d.object ?? ''}`, shape: { ...shape, image: d.image, frame: d.frame }, item: d.item ?? '', layer: 'live', label: d.who,
});

/** The pixels that somebody's brush has gone over. */
export function strokeMask(d: LiveDrawing, image: Image | undefined): PlacedMask | undefined {
	const s = d.stroke;
	if (!s?.points.length || !image || !(s.radius > 0)) return undefined;
	const m = emptyMask(image.rows, image.columns);
	s.points.forEach((p, i) => paint(m, s.points[i - 1] ?? p, p, s.radius, image.aspect || 1, true));
	return { item: d.item ?? '', image: d.image, frame: d.frame, layer: 'live', mask: encode(m) };
}
