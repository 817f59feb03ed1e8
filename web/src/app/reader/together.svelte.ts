import type { Point, Sync, Vector } from '../../api/types';
import { Group, type Member } from '../../core/layout/group';

/** A place in the patient that a crosshair stands on. */
interface Cross {
	readonly place: Vector;
	readonly space: number;
}

/** What panes have in common: frames, zoom, window, a crosshair. */
export class Together {
	/** how frames go together */
	sync = $state<Sync>('none');
	linkView = $state(false);
	linkWindow = $state(false);
	cross = $state.raw<Cross>();
	readonly #group = new Group();
	readonly #members = new Map<number, Member>();

	/** A pane's picture is there; the function takes it out. */
	add(pane: number, m: Member): () => void {
		this.#members.set(pane, m);
		const off = this.#group.add(m);
		return () => {
			off();
			if (this.#members.get(pane) === m) this.#members.delete(pane);
		};
	}

	/** Lets all follow the leading pane; not: that pane, which leads itself. */
	align(lead: number, not?: number) {
		const m = this.#members.get(lead);
		if (m && lead !== not) this.#group.align(m);
	}

	setSync(s: Sync, lead: number) {
		this.sync = this.#group.sync = s;
		this.align(lead);
	}

	link(what: 'view' | 'window', on: boolean) {
		if (what === 'view') this.linkView = this.#group.linkView = on;
		else this.linkWindow = this.#group.linkWindow = on;
	}

	/** Puts the crosshair on an image point of a pane and lets the other stacks of the patient show that place. True: its place is known. */
	crossAt(pane: number, p: Point): boolean {
		const m = this.#members.get(pane), place = m && this.#group.place(m, p);
		if (!m || !place || this.#members.size < 2) return false;
		this.cross = { place, space: m.display.stack!.space };
		this.#group.goTo(m, p);
		return true;
	}

	/** Where a pane shows the crosshair, and the line in which it is cut by what the leading pane shows: image points. */
	guides(pane: number, lead: number): { readonly cross: Point | undefined; readonly line: readonly [Point, Point] | undefined } {
		const m = this.#members.get(pane), of = this.#members.get(lead);
		return {
			cross: m && this.cross && this.#group.crosshair(m, this.cross.place, this.cross.space),
			line: m && of && of !== m ? this.#group.line(m, of) : undefined,
		};
	}
}
