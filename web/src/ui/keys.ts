/**
 * Shortcuts: one table, from which keys are handled and the help sheet is made.
 *
 * A combination is written as "Mod+z", "Shift+ArrowLeft", "?" or "l": modifiers, then the key as KeyboardEvent.key has it, letters in lower
 * case. Mod is Ctrl, or Cmd where there is one. Shift is named with letters and named keys only: "?" needs none.
 */
export interface Shortcut {
	readonly keys: readonly string[];
	/** heading in the help */
	readonly group: string;
	readonly label: string;
	readonly run: (combination: string) => void;
	/** what the help shows in place of the keys, where these are many: "1 … 9" */
	readonly shown?: readonly string[];
	/** false: the key is not ours now */
	readonly when?: () => boolean;
	/** also while a field for text has the focus */
	readonly everywhere?: boolean;
}

/** What of a keyboard event matters. */
export interface Pressed {
	readonly key: string;
	readonly ctrlKey: boolean;
	readonly metaKey: boolean;
	readonly shiftKey: boolean;
	readonly altKey: boolean;
}

/** The combination of an event, as the table writes it. */
export function combination(e: Pressed): string {
	const named = e.key.length > 1 || e.key === ' ';
	const letter = /^\p{L}$/u.test(e.key);
	const key = e.key === ' ' ? 'Space' : letter ? e.key.toLowerCase() : e.key;
	return (e.ctrlKey || e.metaKey ? 'Mod+' : '') + (e.altKey ? 'Alt+' : '') + (e.shiftKey && (named || letter) ? 'Shift+' : '') + key;
}

/** How a control that has the focus takes keys itself. */
export type Hold = 'text' | 'range' | 'radio' | 'button' | 'none';

/** What the element takes: fields take all keys, sliders and radio buttons arrows, buttons and links Space and Enter. */
export function holdOf(tag: string, type: string, editable: boolean): Hold {
	if (editable || tag === 'TEXTAREA' || tag === 'SELECT') return 'text';
	if (tag === 'INPUT') return type === 'range' ? 'range' : type === 'radio' ? 'radio' : type === 'checkbox' ? 'button' : 'text';
	return tag === 'BUTTON' || tag === 'A' || tag === 'SUMMARY' ? 'button' : 'none';
}

const taken: Record<Hold, (key: string) => boolean> = {
	text: () => true,
	range: (k) => /^(Arrow\w+|Home|End|Page\w+)$/.test(k),
	radio: (k) => /^(Arrow\w+|Space)$/.test(k),
	button: (k) => k === 'Space' || k === 'Enter',
	none: () => false,
};

/** The table. Later entries win over earlier ones with the same keys, where both would take it. */
export class Keys {
	#all: Shortcut[] = [];

	/** Adds entries; the function takes them away again. */
	add(...some: Shortcut[]): () => void {
		this.#all.push(...some);
		return () => (this.#all = this.#all.filter((s) => !some.includes(s)));
	}

	/** What would happen. hold: of the control that has the focus. */
	find(pressed: Pressed, hold: Hold): Shortcut | undefined {
		const c = combination(pressed);
		return this.#all.findLast((s) => s.keys.includes(c) && (s.everywhere || !taken[hold](c)) && (s.when?.() ?? true));
	}

	/** Groups with their entries, in the order in which they came, for the help; the same words once. */
	groups(): { readonly name: string; readonly entries: readonly Shortcut[] }[] {
		const names = [...new Set(this.#all.map((s) => s.group))];
		return names.map((name) => ({
			name,
			entries: this.#all.filter((s, i, all) => s.group === name && all.findIndex((o) => o.group === name && o.label === s.label) === i),
		}));
	}

	/** Keys of an entry in words, for tooltips: the first combination. */
	hint(label: string): string | undefined {
		const s = this.#all.find((o) => o.label === label);
		return s?.keys[0] && words(s.keys[0]);
	}
}

const names: Record<string, string> = {
	ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', Mod: 'Ctrl', Escape: 'Esc', PageUp: 'PgUp', PageDown: 'PgDn', Delete: 'Del',
};

/** "Mod+Shift+z" as people read it: "Ctrl Shift z". */
export const words = (combination: string): string =>
	combination === '+' ? '+' : combination.split(/\+(?=.)/).map((k) => names[k] ?? k).join(' ');

/** Handles keydown events of the page with the table, unless a dialog is open. */
export function listen(keys: Keys, target: Window = window): () => void {
	const f = (e: KeyboardEvent) => {
		const on = e.target instanceof HTMLElement ? e.target : undefined;
		if (e.defaultPrevented || e.isComposing || document.querySelector('dialog[open]')) return;
		const hold = on ? holdOf(on.tagName, on instanceof HTMLInputElement ? on.type : '', on.isContentEditable) : 'none';
		const s = keys.find(e, hold);
		if (!s) return;
		e.preventDefault();
		s.run(combination(e));
	};
	target.addEventListener('keydown', f);
	return () => target.removeEventListener('keydown', f);
}
