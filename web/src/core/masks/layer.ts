/** Masks of an image: own ones as bits that are painted on, others' as they came. */
import type { Image, MaskRuns } from '../../api/types';
import type { Layer, PlacedMask } from '../contract';
import { area, decode, emptyMask, encode, type BitMask } from './bits';

/** A mask that is painted on; its runs are made when somebody asks, after every change anew. */
class Painted implements PlacedMask {
	readonly layer: Layer = 'own';
	#runs: MaskRuns | undefined;
	constructor(
		readonly item: string,
		readonly image: number,
		readonly frame: number,
		readonly bits: BitMask,
	) {}
	get mask(): MaskRuns {
		return (this.#runs ??= encode(this.bits));
	}
}

const unpacked = new WeakMap<MaskRuns, BitMask>();

/** The bits of a mask: of an own one those that are painted on, of another's its runs, unpacked once. */
export function bitsOf(m: PlacedMask): BitMask {
	if (m instanceof Painted) return m.bits;
	let bits = unpacked.get(m.mask);
	if (!bits) unpacked.set(m.mask, (bits = decode(m.mask)));
	return bits;
}

export class MaskLayer {
	readonly #own = new Map<string, Painted>();
	#others: readonly PlacedMask[] = [];

	constructor(private readonly image: Image) {}

	/** The item's mask in a frame, to be painted on: a new one if there is none. */
	open(item: string, frame: number): BitMask {
		const key = `${frame} ${item}`;
		let m = this.#own.get(key);
		if (!m) this.#own.set(key, (m = new Painted(item, this.image.number, frame, emptyMask(this.image.rows, this.image.columns))));
		return m.bits;
	}

	/** Says that bits were changed: the mask is another one for those who compare. */
	touch(item: string, frame: number): void {
		const key = `${frame} ${item}`, m = this.#own.get(key);
		if (m) this.#own.set(key, new Painted(item, m.image, frame, m.bits));
	}

	find(item: string, frame: number): BitMask | undefined {
		return this.#own.get(`${frame} ${item}`)?.bits;
	}

	/** Frames where the item has pixels, in order. */
	frames(item: string): number[] {
		return [...this.#own.values()].filter((m) => m.item === item && area(m.bits) > 0).map((m) => m.frame).sort((a, b) => a - b);
	}

	/** The mask as it is now, which later strokes leave alone. */
	snapshot(item: string, frame: number): PlacedMask {
		return { item, image: this.image.number, frame, layer: 'own', mask: encode(this.open(item, frame)) };
	}

	placed(): PlacedMask[] {
		return [...this.#own.values(), ...this.#others];
	}

	/** Takes masks in place of all that are here; whether own ones stayed as they were. */
	put(masks: readonly PlacedMask[]): boolean {
		this.#others = masks.filter((m) => m.layer !== 'own');
		const mine = masks.filter((m) => m.layer === 'own');
		const text = (m: readonly PlacedMask[]): string => JSON.stringify(m.filter((o) => o.mask.runs.length > 1).map((o) => [o.item, o.frame, o.mask.runs]).sort());
		if (text(mine) === text([...this.#own.values()])) return true;
		this.#own.clear();
		for (const m of mine) this.#own.set(`${m.frame} ${m.item}`, new Painted(m.item, m.image, m.frame, decode(m.mask)));
		return false;
	}
}
