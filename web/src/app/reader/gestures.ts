import type { Point } from '../../api/types';

/** A pointer, in CSS pixels of the picture's element. */
export interface Touching {
	readonly id: number;
	readonly kind: 'mouse' | 'pen' | 'touch';
	readonly at: Point;
	/** of a mouse: 0 left, 1 middle, 2 right */
	readonly button: number;
}

/** What pointers come to. The picture's element does it. */
export interface Doing {
	/** Gives what a pointer does to the tool. True: the tool used it. */
	tool(type: 'down' | 'move' | 'up' | 'cancel', at: Point, kind: Touching['kind']): boolean;
	/** CSS pixels */
	pan(dx: number, dy: number): void;
	zoom(at: Point, factor: number): void;
	/** CSS pixels: to the right wider, downwards brighter or darker */
	window(dx: number, dy: number): void;
	/** forth by so many frames */
	frames(by: number): void;
}

type Mode = 'tool' | 'pan' | 'window' | 'scroll' | 'pinch';

/** CSS pixels of a finger for one frame. */
const perFrame = 12;

/**
 * Mouse: left is the tool's, and pans where the tool does not want it; right changes the window; middle, or left with Space held, pans. Finger:
 * one is the tool's, and scrolls frames where the tool does not want it; two pan and zoom, and take back what the first began. A pen is the
 * tool's.
 */
export class Gestures {
	#fingers = new Map<number, Point>();
	#mode: Mode | undefined;
	#lead = -1;
	#last: Point = [0, 0];
	#rest = 0;

	constructor(readonly doing: Doing) {}

	get mode(): Mode | undefined {
		return this.#mode;
	}

	down(t: Touching, panning = false) {
		if (t.kind === 'touch') {
			this.#fingers.set(t.id, t.at);
			if (this.#fingers.size === 2) {
				if (this.#mode === 'tool') this.doing.tool('cancel', t.at, t.kind);
				this.#mode = 'pinch';
				return;
			}
			if (this.#fingers.size > 2) return;
		} else if (this.#mode) return; // one button at a time
		this.#lead = t.id;
		this.#last = t.at;
		this.#rest = 0;
		if (t.kind === 'mouse' && t.button === 2) this.#mode = 'window';
		else if (t.kind === 'mouse' && (t.button === 1 || panning)) this.#mode = 'pan';
		else if (this.doing.tool('down', t.at, t.kind)) this.#mode = 'tool';
		else this.#mode = t.kind === 'touch' ? 'scroll' : 'pan';
	}

	move(t: Touching) {
		if (t.kind === 'touch' && this.#fingers.has(t.id)) {
			if (this.#mode === 'pinch') return this.#pinch(t);
			this.#fingers.set(t.id, t.at);
		}
		if (!this.#mode) {
			if (t.kind !== 'touch') this.doing.tool('move', t.at, t.kind); // hovering
			return;
		}
		if (t.id !== this.#lead) return;
		const dx = t.at[0] - this.#last[0], dy = t.at[1] - this.#last[1];
		this.#last = t.at;
		switch (this.#mode) {
			case 'tool':
				this.doing.tool('move', t.at, t.kind);
				break;
			case 'pan':
				this.doing.pan(dx, dy);
				break;
			case 'window':
				this.doing.window(dx, dy);
				break;
			case 'scroll':
				this.#scroll(dy);
		}
	}

	up(t: Touching) {
		const mode = this.#mode;
		if (t.kind === 'touch') {
			this.#fingers.delete(t.id);
			if (mode === 'pinch') {
				if (this.#fingers.size === 0) this.#mode = undefined; // the finger that is left does nothing
				return;
			}
		}
		if (t.id !== this.#lead) return;
		this.#mode = undefined;
		if (mode === 'tool') this.doing.tool('up', t.at, t.kind);
	}

	/** The browser took the pointer away. */
	cancel(t: Touching) {
		if (this.#mode === 'tool' && t.id === this.#lead) this.doing.tool('cancel', t.at, t.kind);
		this.#fingers.delete(t.id);
		if (t.id === this.#lead || this.#fingers.size === 0) this.#mode = undefined;
	}

	/** A wheel turned, CSS pixels; with Ctrl (and a pinch on a trackpad) it zooms. */
	wheel(at: Point, dy: number, ctrl: boolean) {
		if (ctrl) this.doing.zoom(at, Math.exp(-dy / 400));
		else this.doing.frames(Math.sign(dy));
	}

	#scroll(dy: number) {
		this.#rest += dy;
		const n = Math.trunc(this.#rest / perFrame);
		if (n === 0) return;
		this.#rest -= n * perFrame;
		this.doing.frames(-n);
	}

	#pinch(t: Touching) {
		const [a, b] = [...this.#fingers.keys()];
		if (t.id !== a && t.id !== b) return;
		const before = this.#fingers.get(t.id)!;
		const other = this.#fingers.get(t.id === a ? b! : a!);
		this.#fingers.set(t.id, t.at);
		if (!other) return; // the other one was lifted
		const was = Math.hypot(before[0] - other[0], before[1] - other[1]), is = Math.hypot(t.at[0] - other[0], t.at[1] - other[1]);
		this.doing.pan((t.at[0] - before[0]) / 2, (t.at[1] - before[1]) / 2);
		if (was > 4 && is > 4) this.doing.zoom([(t.at[0] + other[0]) / 2, (t.at[1] + other[1]) / 2], is / was);
	}
}
