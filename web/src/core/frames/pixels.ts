/** Samples of decoded frames by place: for the threshold brush, and for pictures that are made of frames. */
import type { Image } from '../../api/types';
import type { Frame, FrameSource } from '../contract';
import { browserCodec, type Codec } from './decode';

/** A frame's samples by rows: 1 a pixel, stored values; or 4, red, green, blue and alpha. */
export interface Pixels {
	readonly rows: number;
	readonly columns: number;
	readonly channels: 1 | 4;
	readonly data: ArrayLike<number>;
}

export function pixelsOf(frame: Frame, image: Pick<Image, 'rows' | 'columns'>, codec: Pick<Codec, 'pixels'> = browserCodec): Pixels {
	const { rows, columns } = image;
	if (frame.kind === 'grey') return { rows, columns, channels: 1, data: frame.samples };
	return { rows, columns, channels: 4, data: 'data' in frame.bitmap ? frame.bitmap.data : codec.pixels(frame.bitmap) };
}

/**
 * What the threshold brush asks: the stored value of a pixel; of colours their brightness, 0 to 255 (luma of BT.709). Undefined where the
 * frame is not here. The last frame's samples are kept.
 */
export function sampler(source: Pick<FrameSource, 'peek' | 'image'>, codec?: Pick<Codec, 'pixels'>): (frame: number, x: number, y: number) => number | undefined {
	let of: Frame | undefined, p: Pixels | undefined;
	return (n, x, y) => {
		const frame = source.peek(n);
		if (!frame) return undefined;
		if (frame !== of) [of, p] = [frame, pixelsOf(frame, source.image, codec)];
		const { data, columns, channels } = p!, at = (y * columns + x) * channels;
		return channels === 1 ? data[at] : Math.round(0.2126 * data[at]! + 0.7152 * data[at + 1]! + 0.0722 * data[at + 2]!);
	};
}
