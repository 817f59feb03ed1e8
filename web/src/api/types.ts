/**
 * What the server says, as it says it (Go packages web/reading, annotate, annotate/measure). Names and units are the server's.
 * Everything here is read-only: a change is an {@link Op}.
 */

/** Image space, pixels: x to the right, y downwards; (0,0) is the outer corner of the first pixel, (0.5,0.5) its middle. */
export type Point = readonly [x: number, y: number];

export type ShapeKind =
	| 'point' | 'length' | 'polyline' | 'angle' | 'bidirectional' | 'rectangle' | 'ellipse'
	| 'polygon' | 'spline' | 'freehand' | 'caliper' | 'trace';

/** What was drawn in one frame. */
export interface Shape {
	readonly kind: ShapeKind;
	/** from 0 */
	readonly frame: number;
	/** of a caliper through a cine: frame of its second point, after frame */
	readonly to?: number;
	readonly points: readonly Point[];
}

export type TraceRole = 'a4c_ed' | 'a4c_es' | 'a2c_ed' | 'a2c_es';

/** A shape with where it was drawn and what it stands for. */
export interface Drawn extends Shape {
	readonly role?: TraceRole;
	/** from 1 */
	readonly image: number;
}

/** Pixels of one frame, run-length encoded by rows: how many are out, then in, then out, … The first may be 0. */
export interface MaskRuns {
	readonly rows: number;
	readonly columns: number;
	readonly runs: readonly number[];
}

/** A number of record. */
export interface Value {
	readonly name: string;
	readonly number: number;
	/** UCUM */
	readonly unit: string;
}

/** The values of a shape, and how they came about. */
export interface Result {
	readonly values: readonly Value[];
	/** attribute that the scale comes from; none: in pixels */
	readonly source?: string;
	readonly region?: number;
	readonly x?: number;
	readonly y?: number;
	readonly unit_x?: string;
	readonly unit_y?: string;
	/** reservations, in words */
	readonly notes?: readonly string[];
}

/** One answer to one item. Frames from 0, images from 1; image 0 or absent: of the exam. */
export interface Answer {
	readonly id?: string;
	readonly version?: number;
	readonly item: string;
	readonly image?: number;
	readonly frame?: number;
	/** last frame of an interval */
	readonly to?: number;
	readonly choice?: readonly string[];
	readonly number?: number;
	readonly text?: string;
	readonly shapes?: readonly Drawn[];
	readonly mask?: MaskRuns;
	/** 0–100 */
	readonly confidence?: number;
	readonly cannot_assess?: string;
	/** the model's answer that it began as a copy of */
	readonly derived_from?: string;
	readonly value?: number;
	readonly unit?: string;
	readonly results?: readonly Result[];
}

export interface ReadingView {
	readonly id: string;
	readonly assignment?: string;
	readonly reader: string;
	readonly arm?: string;
	readonly session?: number;
	readonly locked: boolean;
	readonly seconds?: number;
	readonly answers: readonly Answer[];
	readonly beside?: readonly ReadingView[];
	readonly reason?: string;
	readonly method?: string;
	readonly rationale?: string;
}

export interface Task {
	readonly assignment: string;
	readonly order: number;
	readonly arm: string;
	readonly session: number;
	readonly reading?: string;
	readonly state: 'waiting' | 'ready' | 'draft' | 'locked';
	readonly why?: string;
	readonly due?: string;
	readonly reason?: string;
	readonly items?: readonly string[];
	/** it was due before today */
	readonly late?: boolean;
	/** in worklists: required items, in how many places each is to be answered and in how many it is */
	readonly requirements?: readonly Requirement[];
}

export interface Requirement {
	readonly item: string;
	readonly need: number;
	readonly done: number;
}

export interface Me {
	readonly name: string;
	readonly roles: readonly string[];
	readonly model?: string;
}

export interface Code {
	readonly scheme: string;
	readonly value: string;
	readonly meaning: string;
}

export type ItemKind =
	| 'choice' | 'multi' | 'ordinal' | 'number' | 'text' | 'measurement' | 'ejection' | 'mask' | 'frame' | 'preference' | 'origin';

export interface Item {
	readonly name: string;
	readonly label: string;
	readonly kind: ItemKind;
	readonly scope: 'exam' | 'series' | 'image' | 'frame' | 'interval';
	readonly code?: Code;
	readonly options?: readonly { readonly name: string; readonly code?: Code }[];
	readonly unit?: string;
	readonly min?: number;
	readonly max?: number;
	readonly shape?: ShapeKind;
	readonly value?: string;
	readonly required: boolean;
	readonly confidence: boolean;
	readonly cannot_assess?: readonly string[];
}

/** Whole numbers, both included; absent: no bound. */
export interface Range {
	readonly min?: number;
	readonly max?: number;
}

export type DisplayKind = 'loop' | 'stack' | 'still';
export type Sync = 'none' | 'time' | 'frame' | 'phase' | 'position';

/** How a case's pictures are laid out: the first rule that fits. A stack of slices is one picture. */
export interface Hanging {
	readonly when: {
		readonly pictures: Range;
		/** of each */
		readonly kind?: DisplayKind;
		readonly colour?: boolean;
		readonly rows: Range;
		readonly frames: Range;
	};
	/** rows x columns, 1x1 to 3x3 */
	readonly layout: string;
	/** what cells show, by rows: the nth, from 1, of those that are like it; default the cell's number */
	readonly show?: readonly { readonly kind?: DisplayKind; readonly colour?: boolean; readonly nth?: number }[];
	readonly sync: Sync;
	readonly link?: readonly ('view' | 'window')[];
	/** a shape's kind, select, brush, erase, fill or threshold */
	readonly tool?: string;
	readonly window?: 'header' | 'auto' | 'lung' | 'mediastinum' | 'abdomen' | 'brain' | 'bone';
	readonly play: boolean;
}

export interface Protocol {
	readonly revision: number;
	readonly title: string;
	readonly design: string;
	readonly items: readonly Item[];
	readonly hanging?: readonly Hanging[];
}

export interface VoiWindow {
	/** in values after rescaling */
	readonly center: number;
	readonly width: number;
	readonly function: 'linear' | 'linear_exact' | 'sigmoid';
}

/** A lookup table: what lies before its first and after its last value is as those. */
export interface Table {
	readonly first: number;
	readonly bits: number;
	readonly data: readonly number[];
}

export interface Rescale {
	readonly slope: number;
	readonly intercept: number;
}

export interface Image {
	/** from 1 */
	readonly number: number;
	/** number of the first image of its series: answers of a series have it as their image */
	readonly series: number;
	readonly rows: number;
	readonly columns: number;
	readonly frames: number;
	/** of a pixel: 1 grey, 3 RGB */
	readonly samples: 1 | 3;
	/** of a sample as it is sent: 8, or 16 little endian */
	readonly bits: 8 | 16;
	readonly bits_stored: number;
	readonly signed: boolean;
	/** low values are bright */
	readonly inverse: boolean;
	/** height over width of a pixel */
	readonly aspect: number;
	readonly rescale?: Rescale;
	/** the frames' own, where they differ */
	readonly rescales?: readonly Rescale[];
	readonly windows?: readonly VoiWindow[];
	readonly voi_lut?: Table;
	/** in place of rescale */
	readonly modality_lut?: Table;
	/** stored values, both included, that are no part of the picture */
	readonly padding?: readonly [from: number, to: number];
	/** since the first frame; absent where the header does not say */
	readonly times_ms?: readonly number[];
	readonly marks?: readonly { readonly frame: number; readonly name: string }[];
}

/** mm, or direction cosines, in the axes of the first stack of the same space */
export type Vector = readonly [number, number, number];

/** Frames of one series that are parallel planes, in their order along the normal. */
export interface Stack {
	/** from 1 */
	readonly number: number;
	/** stacks with the same one lie in one frame of reference */
	readonly space: number;
	/** where columns go: of an image's x */
	readonly row: Vector;
	/** where rows go: of an image's y */
	readonly column: Vector;
	/** mm */
	readonly pixel: readonly [height: number, width: number];
	/** of the body: R L A P H F, the nearest first */
	readonly sides: readonly [left: string, right: string, top: string, bottom: string];
	/** mm between slices; 0 of a single one */
	readonly spacing: number;
	/** slices lie so far apart everywhere */
	readonly even: boolean;
	readonly slices: readonly Slice[];
}

export interface Slice {
	/** from 1 */
	readonly image: number;
	/** from 0 */
	readonly frame: number;
	/** along the normal, from the first slice */
	readonly mm: number;
	/** of the first pixel's middle */
	readonly at: Vector;
}

export interface Case {
	/** the assignment's */
	readonly id: string;
	readonly images: readonly Image[];
	readonly stacks?: readonly Stack[];
}

export interface Op {
	/** chosen by who asks; the same one is taken once */
	readonly id?: string;
	readonly kind: string;
	readonly object?: string;
	/** version of the object that it builds on; 0 or absent: a new one */
	readonly base?: number;
	readonly data?: unknown;
}

export interface Receipt {
	readonly op?: string;
	readonly kind: string;
	readonly object?: string;
	readonly version?: number;
	readonly data?: unknown;
}

export interface StreamEvent {
	/** number in one's own stream */
	readonly n: number;
	readonly at: string;
	readonly actor: string;
	readonly op?: string;
	readonly kind: string;
	readonly object?: string;
	readonly version?: number;
	readonly data?: unknown;
}
