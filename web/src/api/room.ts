import { Cell } from './observable';
import type { Comment, Drawing, Lease, LiveDrawing, PaintPlace, Person, Place } from './team';
import type { Message } from './transport';
import type { Op, StreamEvent } from './types';

export interface RoomOptions {
	/** Sends now; false: there is no connection, and it is forgotten. */
	readonly send: (op: Op) => boolean;
	/** Sends and waits for the receipt. */
	readonly ask: (op: Op) => Promise<unknown>;
	readonly comments: (reading: string) => Promise<readonly Comment[]>;
	/** ms between two messages of what is drawn, at least */
	readonly pace: () => number;
	readonly now: () => number;
}

/** What one holds while painting. */
export interface HeldLease {
	readonly place: PaintPlace;
	/** Lets others paint. */
	release(): void;
	/** Calls f with the reason when the lease could not be renewed: somebody else may paint now. */
	onLost(f: (why: string) => void): void;
}

const steps = 250; // ms between two words of where one is, while a cine plays
const again = 5000; // ms until one says once more that one is here, and renews leases
const fresh = 4000; // ms that what somebody draws is shown without news of it

/** The reading that is open, and who else is in it. */
export class Room {
	/** the others in the reading */
	readonly presence = new Cell<readonly Person[]>([]);
	/** what they draw at this moment */
	readonly live = new Cell<readonly LiveDrawing[]>([]);
	/** who paints which mask */
	readonly leases = new Cell<readonly Lease[]>([]);
	readonly comments = new Cell<readonly Comment[]>([]);

	#at: Place | undefined;
	#drawn = new Map<string, { d: LiveDrawing; until: number }>();
	#leased: { l: Lease; until: number }[] = [];
	#mine = new Map<string, { place: PaintPlace; lost: (why: string) => void }>();
	#sent = new Map<string, number>();
	#next = new Map<string, { d: Drawing; timer: ReturnType<typeof setTimeout> }>();
	#said = -Infinity;
	#word: ReturnType<typeof setTimeout> | undefined;
	readonly #beat: ReturnType<typeof setInterval>;
	readonly #tidy: ReturnType<typeof setInterval>;

	constructor(private readonly o: RoomOptions) {
		this.#beat = setInterval(() => this.#renew(), again);
		this.#tidy = setInterval(() => this.#expire(), 1000);
	}

	/** Says where one is; undefined: in no reading. */
	attend(at: Place | undefined): void {
		const other = at?.reading !== this.#at?.reading;
		const moved = other || at?.image !== this.#at?.image || at?.frame !== this.#at?.frame;
		this.#at = at;
		if (other) {
			this.#empty();
			if (at) void this.#readComments(at.reading);
		}
		if (!moved) return;
		clearTimeout(this.#word);
		const left = other ? 0 : this.#said + steps - this.o.now();
		if (left <= 0) this.#say();
		else this.#word = setTimeout(() => this.#say(), left);
	}

	/** Where one is, as the server is told. */
	get place(): Place {
		return this.#at ?? { reading: '' };
	}

	/** Shows the others what is being drawn. Newer replaces older where it goes faster than it may be sent; the end is always sent. */
	draw(d: Drawing): void {
		const key = nameOf(d);
		const waits = this.#next.get(key);
		if (waits) clearTimeout(waits.timer);
		this.#next.delete(key);
		const left = (this.#sent.get(key) ?? -Infinity) + this.o.pace() - this.o.now();
		if (d.done || left <= 0) {
			this.#sent.set(key, this.o.now());
			if (d.done) this.#sent.delete(key);
			this.o.send({ kind: 'live', data: d });
			return;
		}
		this.#next.set(key, { d, timer: setTimeout(() => this.draw(d), left) });
	}

	/** Takes the lease of a mask and keeps it until it is released. Rejects with who paints it. */
	async lease(place: PaintPlace): Promise<HeldLease> {
		await this.o.ask({ kind: 'lease.take', data: place });
		const losers: ((why: string) => void)[] = [];
		const key = keyOf(place);
		const entry = { place, lost: (why: string) => losers.forEach((f) => f(why)) };
		this.#mine.set(key, entry);
		return {
			place,
			onLost: (f) => void losers.push(f),
			release: () => {
				if (this.#mine.get(key) !== entry) return;
				this.#mine.delete(key);
				void this.o.ask({ kind: 'lease.release', data: place }).catch(() => undefined); // it ends by itself
			},
		};
	}

	/** Once more where one is, after the connection came back. */
	connected(): void {
		this.#say();
		if (this.#at) void this.#readComments(this.#at.reading);
		this.#renew();
	}

	/** Nobody knows who is there any more. */
	disconnected(): void {
		this.presence.set([]);
		this.#drawn.clear();
		this.live.set([]);
		this.#leased = [];
		this.leases.set([]);
	}

	message(m: Message): void {
		const reading = this.#at?.reading;
		if (m.presence && m.presence.reading === reading) this.presence.set(m.presence.here);
		if (m.leases && m.leases.reading === reading) {
			this.#leased = m.leases.held.map((l) => ({ l, until: this.o.now() + l.ms }));
			this.leases.set(m.leases.held);
		}
		if (m.live && m.live.reading === reading) {
			const key = `${m.live.who}/${nameOf(m.live)}`;
			if (m.live.done) this.#drawn.delete(key);
			else this.#drawn.set(key, { d: m.live, until: this.o.now() + fresh });
			this.live.set([...this.#drawn.values()].map((x) => x.d));
		}
	}

	event(e: StreamEvent): void {
		const data = e.data as (Omit<Comment, 'id' | 'at' | 'author'> & { reading?: string }) | undefined;
		if (e.kind !== 'comment' || !data || data.reading !== this.#at?.reading || !e.object) return;
		const { reading: _, ...said } = data;
		this.#merge([{ ...said, id: e.object, at: e.at, author: e.actor }]);
	}

	close(): void {
		clearInterval(this.#beat);
		clearInterval(this.#tidy);
		clearTimeout(this.#word);
		this.#empty();
	}

	async #readComments(reading: string): Promise<void> {
		const list = await this.o.comments(reading).catch(() => []);
		if (this.#at?.reading === reading) this.#merge(list);
	}

	#merge(more: readonly Comment[]): void {
		const all = new Map(this.comments.get().map((c) => [c.id, c]));
		for (const c of more) all.set(c.id, c);
		this.comments.set([...all.values()].sort((a, b) => a.at.localeCompare(b.at)));
	}

	#say(): void {
		this.#said = this.o.now();
		this.o.send({ kind: 'presence', data: this.place });
	}

	#renew(): void {
		if (this.#at) this.#say();
		for (const [key, m] of this.#mine)
			void this.o.ask({ kind: 'lease.take', data: m.place }).catch((e: unknown) => {
				if (this.#mine.get(key) !== m || !(e instanceof Error) || e.name === 'Offline') return; // the next beat tries again
				this.#mine.delete(key);
				m.lost(e.message);
			});
	}

	#expire(): void {
		const now = this.o.now();
		const before = this.#drawn.size;
		for (const [k, x] of this.#drawn) if (x.until <= now) this.#drawn.delete(k);
		if (this.#drawn.size !== before) this.live.set([...this.#drawn.values()].map((x) => x.d));
		const held = this.#leased.filter((x) => x.until > now);
		if (held.length !== this.#leased.length) {
			this.#leased = held;
			this.leases.set(held.map((x) => x.l));
		}
	}

	#empty(): void {
		for (const x of this.#next.values()) clearTimeout(x.timer);
		this.#next.clear();
		this.#sent.clear();
		for (const m of this.#mine.values()) void this.o.ask({ kind: 'lease.release', data: m.place }).catch(() => undefined);
		this.#mine.clear();
		this.disconnected();
		this.comments.set([]);
	}
}

/** What of somebody's drawings this is: the newer one takes its place. */
function nameOf(d: Drawing): string {
	return d.object ?? (d.shape || d.stroke || d.done ? 'new' : 'cursor');
}

function keyOf(p: PaintPlace): string {
	return `${p.reading}/${p.item}/${p.image}/${p.frame}`;
}
