import type { Answer, Drawn, Item, MaskRuns, ReadingView, TraceRole } from '../../api/types';
import type { Change, Layer, Placed, PlacedMask } from '../../core/contract';
import type { Answers } from './answers';
import { answerAt, keyOf, placeOf, placeOfAnswer, type Place } from './place';

/** Whether anything is inside. */
export const empty = (m: MaskRuns): boolean => m.runs.every((n, i) => i % 2 === 0 || n === 0);

/** The shape on a board that stands for a place of an answer; an ejection fraction has one for each role. */
export const shapeId = (p: Place, role?: TraceRole): string => keyOf(p) + (role ? `/${role}` : '');

/** The same for a shape of a reading that is shown beside. */
export const besideId = (r: ReadingView, p: Place, role?: TraceRole): string => `${r.id}/${shapeId(p, role)}`;

/** Layer of a reading that is shown beside one's own: masked ones by their letter. */
export const layerOf = (r: ReadingView): Layer => (/^[ABC]$/.test(r.reader) ? (r.reader.toLowerCase() as Layer) : 'ai');

/** Whether the server can take traces: both times of one view (annotate/measure, Ejection). */
export const paired = (shapes: readonly Drawn[]): boolean => {
	const there = new Set(shapes.map((s) => s.role));
	return (there.has('a4c_ed') && there.has('a4c_es')) || (there.has('a2c_ed') && there.has('a2c_es'));
};

/** What lies between answers and the boards of a case's images. */
export class Drawing {
	/** board's id of the shape that stands for a place, where it was drawn here */
	readonly #ids = new Map<string, string>();
	readonly #items: ReadonlyMap<string, Item>;
	/** shapes that were taken away in this step, by board's id: one that takes their place may follow, and the answer stays */
	readonly #leaving = new Map<string, string>();
	/** traces that are no answer yet, by place: the other time of the view is missing */
	readonly #loose = new Map<string, Answer>();
	readonly #listeners = new Set<() => void>();

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

	/** Traces that wait for others: not saved. */
	loose(p: Place): readonly Drawn[] {
		return this.#loose.get(keyOf(p))?.shapes ?? [];
	}

	/** What waits has changed. */
	onLoose(f: () => void): () => void {
		this.#listeners.add(f);
		return () => this.#listeners.delete(f);
	}

	/** Keeps shapes: as an answer where they are one, else here until they are. */
	#keep(p: Place, shapes: readonly Drawn[], ejection: boolean, before: Answer | undefined) {
		const key = keyOf(p), whole = ejection ? paired(shapes) : shapes.length > 0;
		if (whole) this.answers.put(p, { shapes, ...confidence(before) });
		else if (this.answers.at(p)?.answer) this.answers.remove(p);
		if (whole || shapes.length === 0) this.#loose.delete(key);
		else this.#loose.set(key, { ...answerAt(p, { shapes }), ...confidence(before) });
		for (const f of this.#listeners) f();
	}

	#before(p: Place): Answer | undefined {
		return this.#loose.get(keyOf(p)) ?? this.answers.at(p)?.answer;
	}

	/** Shapes and masks on an image: one's own, and of what is beside. */
	on(image: number, beside: readonly ReadingView[]): { shapes: Placed[]; masks: PlacedMask[] } {
		const out = { shapes: [] as Placed[], masks: [] as PlacedMask[] };
		const add = (a: Answer, layer: Layer, id: (p: Place, role?: TraceRole) => string) => {
			const p = placeOfAnswer(a);
			for (const s of a.shapes ?? []) if (s.image === image) out.shapes.push({ id: id(p, s.role), shape: s, item: a.item, layer });
			if (a.mask && a.image === image) out.masks.push({ item: a.item, image, frame: a.frame ?? 0, layer, mask: a.mask });
		};
		for (const a of this.#all()) add(a, 'own', (p, role) => this.idOf(p, role));
		for (const r of beside) for (const a of r.answers) add(a, layerOf(r), (p, role) => besideId(r, p, role));
		return out;
	}

	#all(): Answer[] {
		return [...this.answers.list().filter((a) => !this.#loose.has(keyOf(placeOfAnswer(a)))), ...this.#loose.values()];
	}

	/**
	 * Takes what somebody drew into answers. True: another shape stood for the same place before and is to leave its board.
	 */
	take(image: number, c: Change): boolean {
		switch (c.type) {
			case 'shape':
				return this.#shape(image, c.placed);
			case 'removed':
				if (this.#leaving.size === 0) queueMicrotask(() => this.#leave());
				this.#leaving.set(c.id, c.item);
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
		const before = this.#before(p);
		const role = it.kind === 'ejection' ? shape.role : undefined;
		const others: readonly Drawn[] = role ? (before?.shapes?.filter((s) => s.role !== role) ?? []) : [];
		const there = before?.shapes?.some((s) => s.role === role) ?? false;
		const replaced = there && this.idOf(p, role) !== id && !this.#leaving.has(this.idOf(p, role));
		this.#leaving.delete(this.idOf(p, role));
		this.#leaving.delete(id);
		this.#ids.set(shapeId(p, role), id);
		const { role: _role, ...plain } = shape;
		const drawn: Drawn = { ...plain, image, ...(role ? { role } : {}) };
		this.#keep(p, [...others, drawn].sort(byRole), it.kind === 'ejection', before);
		return replaced;
	}

	#leave() {
		const gone = [...this.#leaving];
		this.#leaving.clear();
		for (const [id, item] of gone) this.#removed(id, item);
	}

	#removed(id: string, item: string) {
		for (const a of this.#all()) {
			if (a.item !== item || !a.shapes) continue;
			const p = placeOfAnswer(a);
			const left = a.shapes.filter((s) => this.idOf(p, s.role) !== id);
			if (left.length === a.shapes.length) continue;
			this.#keep(p, left, this.#items.get(item)?.kind === 'ejection', a);
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
