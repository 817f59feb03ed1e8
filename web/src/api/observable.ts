/** Something that changes and says so. Svelte takes it for a store: `$presence` works in a component. */
export interface Readable<T> {
	get(): T;
	/** Calls f with the value now and at every change. */
	subscribe(f: (value: T) => void): () => void;
}

/** A value that its owner sets. */
export class Cell<T> implements Readable<T> {
	#value: T;
	#listeners = new Set<(value: T) => void>();

	constructor(value: T) {
		this.#value = value;
	}

	get(): T {
		return this.#value;
	}

	set(value: T): void {
		if (Object.is(value, this.#value)) return;
		this.#value = value;
		for (const f of [...this.#listeners]) f(value);
	}

	subscribe(f: (value: T) => void): () => void {
		this.#listeners.add(f);
		f(this.#value);
		return () => this.#listeners.delete(f);
	}
}
