/** Where one looks and what will be wanted next. */
export interface Look {
	readonly n: number;
	/** 1 forth, −1 back, 0 both */
	readonly direction: -1 | 0 | 1;
	/** frames of the loop, both included */
	readonly from: number;
	readonly to: number;
}

/** Part of the ring that lies ahead of where one looks. */
const AHEAD = 0.75;

/**
 * How soon frame n will be wanted: 0 now, then in order; Infinity: not among the `room` frames that are kept around where one looks.
 *
 * A loop goes on at its beginning, so its ring is closed: three quarters ahead, nearest first, then what was just shown. Without a direction the
 * ring lies around, nearest first, and does not go round the ends. Frames outside of the loop come last, if there is room for all.
 */
export function need(n: number, look: Look, frames: number, room: number): number {
	const { from, to } = look;
	const length = to - from + 1;
	if (n === look.n) return 0;
	if (n < from || n > to) {
		const away = n < from ? from - n : n - to;
		return room >= frames ? 2 * length + 2 * away - (n > to ? 1 : 0) : Infinity;
	}
	const now = Math.min(Math.max(look.n, from), to);
	if (look.direction === 0) {
		const left = Math.max(from, Math.min(now - (room >> 1), to - room + 1));
		if (n < left || n >= left + room) return n === now ? 0 : Infinity;
		const d = n - now;
		return d === 0 ? 0 : 2 * Math.abs(d) - (d > 0 ? 1 : 0);
	}
	const ahead = (((n - now) * look.direction) % length + length) % length;
	if (room >= length) return ahead;
	const reach = Math.max(1, Math.ceil(room * AHEAD));
	if (ahead < reach) return ahead;
	const behind = length - ahead;
	return behind <= room - reach ? reach + behind - 1 : Infinity;
}
