import type { Answer, Drawn, Item, MaskRuns, ReadingView, TraceRole } from '../../api/types';
import type { Change, Layer, Placed, PlacedMask } from '../../core/contract';
import type { Answers } from './answers';
import { keyOf, placeOf, placeOfAnswer, type Place } from './place';

/** Whether anything is inside. */
export const empty = (m: MaskRuns): boolean => m.runs.every((n, i) => i % 2 === 0 || n === 0);

/** The shape on a board that stands for a place of an answer; an ejection fraction has one for each role. */
export const shapeId = (p: Place, role?: TraceRole): string => keyOf(p) + (role ? `/${role}` : '');

/** Layer of a reading that is shown beside one's own: masked ones by their letter. */
export const layerOf = (r: ReadingView): Layer => (/^[ABC]$/.test(r.reader) ? (r.reader.toLowerCase() as Layer) : 'ai');

/** What lies between answers and the boards of a case's images. */
export class Drawing {
	/** board's id of the shape that stands for a place, where it was drawn here */
	readonly #ids = new Map<string, string>();
	readonly #items: ReadonlyMap<string, Item>;

	constructor(
		items: readonly Item[],
		readonly answers: Answers,
	) {
		this.#items = new Map(items.map((it) => [it.name, it]));
	}

	/** Board's id of a place's shape. */
	idOf(p: Place, role?: TraceRole): string {
		const key = shapeId(p, role);
		return this.#ids.get(key) ?? key;
	}

	/** Shapes and masks on an image: one's own, and of what is beside. */
	on(image: number, beside: readonly ReadingView[]): { shapes: Placed[]; masks: PlacedMask[] } {
		const out = { shapes: [] as Placed[], masks: [] as PlacedMask[] };
		const add = (a: Answer, layer: Layer, id: (p: Place, role?: TraceRole) => string) => {
			const p = placeOfAnswer(a);
			for (const s of a.shapes ?? []) if (s.image === image) out.shapes.push({ id: id(p, s.role), shape: s, item: a.item, layer });
			if (a.mask && a.image === image) out.masks.push({ item: a.item, image, frame: a.frame ?? 0, layer, mask: a.mask });
		};
		for (const a of this.answers.list()) add(a, 'own', (p, role) => this.idOf(p, role));
		for (const r of beside) for (const a of r.answers) add(a, layerOf(r), (p, role) => `${r.id}/${shapeId(p, role)}`);
		return out;
	}

	/**
	 * Takes what somebody drew into answers. True: another shape stood for the same place before and is to leave its board.
	 */
	take(image: number, c: Change): boolean {
		switch (c.type) {
			case 'shape':
				return this.#shape(image, c.placed);
			case 'removed':
				this.#removed(c);
				return false;
			case 'mask':
				this.#mask(c.mask);
				return false;
		}
	}

	#shape(image: number, { id, shape, item }: Placed): boolean {
		const it = this.#items.get(item);
		if (!it) return false;
		const p = placeOf(it, { image, frame: shape.frame });
		const before = this.answers.at(p)?.answer;
		const role = it.kind === 'ejection' ? shape.role : undefined;
		const others: readonly Drawn[] = role ? (before?.shapes?.filter((s) => s.role !== role) ?? []) : [];
		const there = before?.shapes?.some((s) => s.role === role) ?? false;
		const replaced = there && this.idOf(p, role) !== id;
		this.#ids.set(shapeId(p, role), id);
		const { role: _role, ...plain } = shape;
		const drawn: Drawn = { ...plain, image, ...(role ? { role } : {}) };
		this.answers.put(p, { shapes: [...others, drawn].sort(byRole), ...confidence(before) });
		return replaced;
	}

	#removed({ id, item }: { id: string; item: string }) {
		for (const a of this.answers.list()) {
			if (a.item !== item || !a.shapes) continue;
			const p = placeOfAnswer(a);
			const left = a.shapes.filter((s) => this.idOf(p, s.role) !== id);
			if (left.length === a.shapes.length) continue;
			if (left.length) this.answers.put(p, { shapes: left, ...confidence(a) });
			else this.answers.remove(p);
		}
	}

	#mask({ item, image, frame, mask }: PlacedMask) {
		const it = this.#items.get(item);
		if (!it) return;
		const p = placeOf(it, { image, frame });
		if (empty(mask)) this.answers.remove(p);
		else this.answers.put(p, { mask, ...confidence(this.answers.at(p)?.answer) });
	}
}

const order: readonly (TraceRole | undefined)[] = ['a4c_ed', 'a4c_es', 'a2c_ed', 'a2c_es'];
const byRole = (a: Drawn, b: Drawn): number => order.indexOf(a.role) - order.indexOf(b.role);

const confidence = (a: Answer | undefined): Partial<Answer> => (a?.confidence === undefined ? {} : { confidence: a.confidence });
