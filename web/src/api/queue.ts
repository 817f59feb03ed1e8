import type { Op } from './types';

/** An op that waits to be sent or to be answered. */
export interface Waiting {
	/** the op's id */
	readonly id: string;
	/** whose it is: nobody else may send or read it */
	readonly who: string;
	/** order in which it was asked for */
	readonly n: number;
	readonly op: Op & { readonly id: string };
}

/** Where ops wait so that they outlive a reload. It holds what its reader said of a case and nothing else: no pictures. */
export interface Queue {
	/** Those of a reader in their order. What others left on this machine is deleted: it is not for the reader's eyes. */
	open(who: string): Promise<Waiting[]>;
	/** Keeps w, in place of another one if that is named. */
	put(w: Waiting, instead?: string): Promise<void>;
	remove(id: string): Promise<void>;
	/** Deletes everything. */
	clear(): Promise<void>;
}

/** A queue that ends with the page, where a browser keeps nothing (private windows). */
export class MemoryQueue implements Queue {
	readonly #all = new Map<string, Waiting>();

	async open(who: string): Promise<Waiting[]> {
		for (const w of this.#all.values()) if (w.who !== who) this.#all.delete(w.id);
		return [...this.#all.values()].sort((a, b) => a.n - b.n);
	}
	async put(w: Waiting, instead?: string): Promise<void> {
		if (instead !== undefined) this.#all.delete(instead);
		this.#all.set(w.id, w);
	}
	async remove(id: string): Promise<void> {
		this.#all.delete(id);
	}
	async clear(): Promise<void> {
		this.#all.clear();
	}
}

const store = 'waiting';

function asked<T>(r: IDBRequest<T>): Promise<T> {
	return new Promise((resolve, reject) => {
		r.onsuccess = () => resolve(r.result);
		r.onerror = () => reject(r.error ?? new Error('the browser keeps nothing'));
	});
}

/** A queue in the browser's IndexedDB. Of several windows the first takes over what was left; the others keep what is asked for in them. */
export class KeptQueue implements Queue {
	readonly #factory: IDBFactory;
	readonly #first: Promise<boolean>;
	#db: Promise<IDBDatabase> | undefined;

	constructor(factory: IDBFactory, first: Promise<boolean> = Promise.resolve(true)) {
		this.#factory = factory;
		this.#first = first;
	}

	#open(): Promise<IDBDatabase> {
		this.#db ??= (() => {
			const r = this.#factory.open('cineloop-reading', 1);
			r.onupgradeneeded = () => r.result.createObjectStore(store, { keyPath: 'id' });
			return asked(r);
		})();
		return this.#db;
	}

	/** Runs f in one transaction and waits until it is on the disk, as far as a browser says. */
	async #do<T>(mode: IDBTransactionMode, f: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
		const t = (await this.#open()).transaction(store, mode, { durability: 'strict' });
		const done = new Promise<void>((resolve, reject) => {
			t.oncomplete = () => resolve();
			t.onabort = () => reject(t.error ?? new Error('the browser has no room left'));
		});
		const [out] = await Promise.all([asked(f(t.objectStore(store))), done]);
		return out;
	}

	async open(who: string): Promise<Waiting[]> {
		const all = (await this.#do('readonly', (s) => s.getAll())) as Waiting[];
		for (const w of all) if (w.who !== who) await this.remove(w.id);
		if (!(await this.#first)) return [];
		return all.filter((w) => w.who === who).sort((a, b) => a.n - b.n);
	}
	async put(w: Waiting, instead?: string): Promise<void> {
		await this.#do('readwrite', (s) => {
			if (instead !== undefined) s.delete(instead);
			return s.put(w);
		});
	}
	async remove(id: string): Promise<void> {
		await this.#do('readwrite', (s) => s.delete(id));
	}
	async clear(): Promise<void> {
		await this.#do('readwrite', (s) => s.clear());
	}
}
