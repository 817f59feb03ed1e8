import type { DisplayKind, Hanging, Range, Sync } from '../../api/types';
import type { ToolName } from '../contract';
import type { Display } from '../stack/series';
import { grid, type Grid } from './grid';

/** How a case is shown at first. */
export interface Hung {
	readonly grid: Grid;
	readonly sync: Sync;
	readonly linkView: boolean;
	readonly linkWindow: boolean;
	/** undefined: what the first item asks for */
	readonly tool: ToolName | undefined;
	/** name of a preset; undefined: the header's */
	readonly window: NonNullable<Hanging['window']> | undefined;
	readonly play: boolean;
}

/** What a display is, by its numbers: slices at places of a patient, frames over time, or one picture. */
export function kindOf(d: Display): DisplayKind {
	if (d.stack && d.stack.slices.length > 1) return 'stack';
	return d.image.frames > 1 ? 'loop' : 'still';
}

const within = (r: Range, n: number): boolean => n >= (r.min ?? -Infinity) && n <= (r.max || Infinity);
const like = (d: Display, kind: DisplayKind | undefined, colour: boolean | undefined): boolean =>
	(kind === undefined || kindOf(d) === kind) && (colour === undefined || (d.image.samples === 3) === colour);

function fits({ when }: Hanging, displays: readonly Display[]): boolean {
	return (
		within(when.pictures, displays.length) &&
		displays.every((d) => like(d, when.kind, when.colour) && within(when.rows, d.image.rows) && within(when.frames, d.image.frames))
	);
}

/** The study's first rule that fits, or else {@link usual}. A cell whose picture the case does not have stays empty. */
export function hang(displays: readonly Display[], rules: readonly Hanging[] = []): Hung {
	const rule = displays.length > 0 ? rules.find((r) => fits(r, displays)) : undefined;
	if (!rule) return usual(displays);
	const [rows = 1, columns = 1] = rule.layout.split('x').map(Number);
	const cells = rule.show?.length
		? rule.show.map((s) => displays.filter((d) => like(d, s.kind, s.colour))[(s.nth ?? 1) - 1]?.id)
		: displays.map((d) => d.id);
	return {
		grid: grid(rows, columns, cells),
		sync: rule.sync,
		linkView: rule.link?.includes('view') ?? false,
		linkWindow: rule.link?.includes('window') ?? false,
		tool: rule.tool as ToolName | undefined,
		window: rule.window === 'header' ? undefined : rule.window,
		play: rule.play,
	};
}

/** What is sensible where a study says nothing: as many cells as there are pictures, up to four; stacks of one patient together by position; else each by itself. */
export function usual(displays: readonly Display[]): Hung {
	const n = displays.length;
	const [rows, columns] = n <= 1 ? [1, 1] : n === 2 ? [1, 2] : [2, 2];
	const stacks = displays.filter((d) => kindOf(d) === 'stack');
	const together = stacks.length > 1 && stacks.every((d) => d.stack!.space === stacks[0]!.stack!.space);
	return { grid: grid(rows, columns, displays.map((d) => d.id)), sync: together ? 'position' : 'none', linkView: false, linkWindow: false, tool: undefined, window: undefined, play: false };
}
