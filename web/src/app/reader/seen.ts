import type { Screen } from '../../api/onscreen';
import type { Viewport } from '../../core/contract';

/** What a viewport shows, for the record: its frame, or its loop while it plays; in the numbers of the image that the frame is of. */
export function seenOf(v: Viewport): Screen {
	const { image, frame } = v.source.at(v.frame);
	const ends = v.play.loop.map((n) => v.source.at(n));
	const whole = v.play.playing && ends.every((e) => e.image.number === image.number);
	const [from, to] = whole ? [ends[0]!.frame, ends[1]!.frame] : [frame, frame];
	const w = v.grey.window;
	return { image: image.number, from: Math.min(from, to), to: Math.max(from, to), ...(w ? { center: w.center, width: w.width } : {}) };
}
