/** What a stroke changed: the pixels that are not as they were, as runs. Written once it does the change, once more it takes it back. */
import { combine, copyMask, decode, encode, type BitMask } from './bits';

export interface MaskPatch {
	readonly item: string;
	readonly frame: number;
	readonly rows: number;
	readonly columns: number;
	/** as of MaskRuns */
	readonly flipped: readonly number[];
}

/** The patch from one mask to another; undefined where they are equal. */
export function patch(item: string, frame: number, before: BitMask, after: BitMask): MaskPatch | undefined {
	const d = copyMask(before);
	combine(d, after, 'xor');
	const { rows, columns, runs } = encode(d);
	return runs.length === 1 ? undefined : { item, frame, rows, columns, flipped: runs };
}

export function applyPatch(m: BitMask, { rows, columns, flipped }: MaskPatch): void {
	combine(m, decode({ rows, columns, runs: flipped }), 'xor');
}
