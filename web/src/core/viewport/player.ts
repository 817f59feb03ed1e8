import type { PlayState } from '../contract';
import { Timeline } from './timeline';

/** ms of a loop that are here before it begins, and after it had to wait */
const LEAD = 300;

/**
 * Plays a loop by elapsed time: what is to be shown follows from the clock alone, never from how often the screen is painted. It begins when
 * enough frames are here, and where one is missing its clock stands still until there are again, for twice as much each time.
 *
 * Counted as dropped: every frame whose time came and that was not given out, also those whose time would have come while it waited.
 */
export class Player {
	#state: PlayState;
	#line: Timeline;
	/** time at which step 0 began, or would have, at the loop's speed; undefined: it stands */
	#origin: number | undefined;
	/** last step that was given out */
	#step: number;
	#lead = LEAD;
	/** since when it waits for frames; of the first wait nothing is dropped */
	#waiting: number | undefined;
	#begun = false;
	dropped = 0;

	constructor(
		readonly frames: number,
		readonly times: readonly number[] | undefined,
		frame = 0,
	) {
		this.#state = { playing: false, speed: 1, loop: [0, frames - 1], sweep: false };
		this.#line = this.#timeline();
		this.#step = this.#line.stepOf(frame);
	}

	get state(): Readonly<PlayState> {
		return this.#state;
	}

	/** Which way frames will be wanted next. */
	get direction(): 1 | -1 {
		if (!this.#state.sweep) return 1;
		const [from, to] = this.#state.loop;
		return this.#step % this.#line.steps < to - from ? 1 : -1;
	}

	/** The frame that it stands at. */
	get at(): number {
		return this.#line.frameOf(this.#step);
	}

	/** It waits for frames. */
	get waits(): boolean {
		return this.#state.playing && this.#origin === undefined;
	}

	/** Changes how it is played; it goes on at the frame that is shown. */
	set(p: Partial<PlayState>, frame: number): void {
		const last = this.frames - 1;
		const next = { ...this.#state, ...p };
		const a = clamp(Math.round(Math.min(...next.loop)), last), b = clamp(Math.round(Math.max(...next.loop)), last);
		const speed = next.speed > 0 && Number.isFinite(next.speed) ? next.speed : this.#state.speed;
		const started = next.playing && !this.#state.playing;
		this.#state = { playing: next.playing && b > a, speed, loop: [a, b], sweep: next.sweep };
		this.#line = this.#timeline();
		if (started) this.#lead = LEAD;
		this.seek(frame);
	}

	/** Goes on from a frame. */
	seek(frame: number): void {
		this.#step = this.#line.stepOf(frame);
		this.#origin = undefined;
		this.#waiting = undefined;
		this.#begun = false;
	}

	/** The clock was stopped from outside, as of a page that is hidden: nothing is dropped. */
	rest(): void {
		this.seek(this.at);
	}

	/** The frame to show at a time (ms of the clock), if it is another one than before and is here. */
	tick(now: number, here: (frame: number) => boolean): number | undefined {
		if (!this.#state.playing) return undefined;
		if (this.#origin === undefined) {
			if (!this.#enough(here)) {
				this.#waiting ??= now;
				return undefined;
			}
			const waited = this.#waiting === undefined || !this.#begun ? 0 : now - this.#waiting;
			this.dropped += Math.floor((waited * this.#state.speed * this.#line.steps) / this.#line.length);
			this.#waiting = undefined;
			this.#begun = true;
			this.#origin = now - this.#line.beginning(this.#step) / this.#state.speed;
			return this.#line.frameOf(this.#step);
		}
		const at = this.#line.at((now - this.#origin) * this.#state.speed);
		if (at.step <= this.#step) return undefined;
		if (!here(at.frame)) {
			this.dropped += at.step - this.#step - 1;
			this.#step = at.step;
			this.#origin = undefined;
			this.#waiting = now;
			this.#lead = Math.min(2 * this.#lead, this.#line.length);
			return undefined;
		}
		this.dropped += at.step - this.#step - 1;
		this.#step = at.step;
		return at.frame;
	}

	/** Whether the frames of the next `lead` ms are here. */
	#enough(here: (frame: number) => boolean): boolean {
		const until = this.#line.beginning(this.#step) + this.#lead * this.#state.speed;
		for (let s = this.#step, n = 0; n < this.#line.steps && this.#line.beginning(s) < until; s++, n++) if (!here(this.#line.frameOf(s))) return false;
		return true;
	}

	#timeline(): Timeline {
		return new Timeline(this.frames, this.times, this.#state.loop, this.#state.sweep);
	}
}

const clamp = (n: number, last: number): number => Math.min(Math.max(n, 0), last);
