import type { HeldLease } from '../../api/room';
import type { Lease, PaintPlace } from '../../api/team';
import type { ToolName } from '../../core/contract';

/** Tools that paint masks. */
export const painters: readonly ToolName[] = ['brush', 'erase', 'fill', 'threshold'];

const rest = 10_000; // ms without a stroke until others may paint

export interface PaintingOptions {
	/** one's own name: one's own lease keeps nobody out */
	readonly who: string;
	/** others are in the reading */
	readonly together: () => boolean;
	readonly leases: () => readonly Lease[];
	readonly lease: (at: PaintPlace) => Promise<HeldLease>;
	readonly say: (text: string) => void;
}

const same = (a: PaintPlace, b: PaintPlace) => a.reading === b.reading && a.item === b.item && a.image === b.image && a.frame === b.frame;

/** In a shared reading one person paints a mask at a time: it is theirs from the first stroke until they rest or go elsewhere. */
export class Painting {
	#at: PaintPlace | undefined;
	#held: HeldLease | undefined;
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(private readonly o: PaintingOptions) {}

	/** Before a stroke. False: somebody else is painting there, which is said. */
	begin(at: PaintPlace): boolean {
		if (!this.o.together()) return true;
		const other = this.o.leases().find((l) => same(l, at) && l.holder !== this.o.who);
		if (other) {
			this.o.say(`${other.holder} is painting this mask.`);
			return false;
		}
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.end(), rest);
		if (this.#at && same(this.#at, at)) return true;
		this.#release();
		this.#at = at;
		void this.#take(at);
		return true;
	}

	/** Others may paint. */
	end(): void {
		clearTimeout(this.#timer);
		this.#release();
	}

	#release(): void {
		this.#held?.release();
		this.#held = this.#at = undefined;
	}

	async #take(at: PaintPlace): Promise<void> {
		try {
			const held = await this.o.lease(at);
			if (this.#at !== at) return held.release(); // rested, or elsewhere, meanwhile
			this.#held = held;
			held.onLost((why) => {
				if (this.#held !== held) return;
				this.#held = this.#at = undefined;
				this.o.say(why);
			});
		} catch (e) {
			// Without a connection the stroke waits, and is taken or refused when it is sent.
			if (this.#at === at) this.#at = undefined;
			this.o.say(e instanceof Error ? e.message : String(e));
		}
	}
}
