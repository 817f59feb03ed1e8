/**
 * How the pieces of the viewer meet. The core knows no framework: Svelte components hold a Viewport and a Board and pass on what people do.
 *
 *     FrameSource ──frames──▶ Viewport (canvas) ──transform, frame──▶ Overlay (svg) ◀──scene── Board (tools, masks, undo)
 *
 * Spaces: image space is pixels of the frame (see Point); screen space is CSS pixels of the canvas element, (0,0) its left upper corner.
 */
import type { Drawn, Image, MaskRuns, Point, ShapeKind, VoiWindow } from '../api/types';
import type { Affine } from './geometry';

export type Unsubscribe = () => void;

/** A decoded frame: grey samples (before rescaling), or a bitmap in colour. */
export type Frame =
	| { readonly kind: 'grey'; readonly samples: Uint8Array | Int8Array | Uint16Array | Int16Array }
	| { readonly kind: 'colour'; readonly bitmap: ImageBitmap | ImageData };

/** Which frame of which image a frame of a source is: of a stack's slices each may be an image of its own. */
export interface Place {
	readonly image: Image;
	/** of that image, from 0 */
	readonly frame: number;
}

/** Frames of one image of a case, or of the slices of a stack, fetched ahead around where one looks, within a bound of memory. */
export interface FrameSource {
	/** the image; of a stack the first slice's, with as many frames as there are slices */
	readonly image: Image;
	/** Where the server keeps frame n: what answers and shapes name. */
	at(n: number): Place;
	/** The frame if it is here already. */
	peek(n: number): Frame | undefined;
	/** The frame as soon as it is here. Rejects with the server's refusal. */
	load(n: number, signal?: AbortSignal): Promise<Frame>;
	/** Says where one looks, and in which direction frames will be wanted: 1, −1, or 0 for both; within a loop, both ends included. */
	want(n: number, direction: -1 | 0 | 1, within?: readonly [from: number, to: number]): void;
	/** Frames that are here, of how many; called when that changes. */
	onProgress(f: (here: number, of: number) => void): Unsubscribe;
	/** Lets go of everything; nothing is fetched any more. */
	close(): void;
}

export interface View {
	/** CSS pixels for an image pixel's width; 0: fit */
	scale: number;
	/** the image point at the middle of the canvas; undefined: the image's middle */
	centre: Point | undefined;
	rotation: 0 | 90 | 180 | 270;
	/** mirrored from left to right, before rotation */
	flip: boolean;
	/** blended between pixels at every size; false: pixels are squares where one covers two of the screen or more */
	smooth: boolean;
}

export interface Grey {
	/** undefined: the picture's VOI LUT, or its first window, or all stored values */
	window: VoiWindow | undefined;
	invert: boolean;
}

export interface PlayState {
	playing: boolean;
	/** times the speed of the header's times; 30 frames a second where it has none */
	speed: number;
	/** frames, both included */
	loop: readonly [from: number, to: number];
	/** forth and back, instead of from the beginning again */
	sweep: boolean;
}

/** What was shown: for the bars. */
export interface Shown {
	readonly shown: number;
	/** that time asked for and that were not shown in time */
	readonly dropped: number;
	/** ms from the making of the viewport to its first picture */
	readonly first: number;
}

/** One picture on a canvas. */
export interface Viewport {
	readonly source: FrameSource;
	/** that is on the canvas */
	readonly frame: number;
	/** that was asked for last; the same, once it is here */
	readonly wanted: number;
	/** why the wanted frame is not shown, in words for the reader; undefined: nothing is wrong */
	readonly problem: Error | undefined;
	/** the window in effect; undefined: a VOI LUT, or colour */
	readonly window: VoiWindow | undefined;
	readonly view: Readonly<View>;
	readonly grey: Readonly<Grey>;
	readonly play: Readonly<PlayState>;
	/** Shows the frame as soon as it is here; an earlier wish that is not here yet is dropped. */
	show(frame: number): void;
	setView(v: Partial<View>): void;
	setGrey(g: Partial<Grey>): void;
	setPlay(p: Partial<PlayState>): void;
	/** Zooms by a factor and keeps the image point under a screen point where it is. */
	zoomAt(screen: Point, factor: number): void;
	/** CSS pixels for an image pixel's width, as it is now: also where it fits. */
	scale(): number;
	/** That at which the whole image fits into the canvas. */
	fit(): number;
	/** Moves by CSS pixels. */
	panBy(dx: number, dy: number): void;
	/** From image space to screen space. */
	transform(): Affine;
	/** Value under an image point after rescaling (grey) or RGB; undefined outside or where the frame is not here. */
	value(p: Point): number | readonly [number, number, number] | undefined;
	stats(): Shown;
	/** view: also when the canvas changed its size */
	on(what: 'frame' | 'wanted' | 'view' | 'grey' | 'play' | 'problem', f: () => void): Unsubscribe;
	close(): void;
}

export type ToolName = 'select' | ShapeKind | 'brush' | 'erase' | 'fill' | 'threshold';

/** What a pointer or a key does, in image space of the frame that is shown. */
export type Input =
	| {
			readonly type: 'down' | 'move' | 'up' | 'cancel' | 'double';
			readonly point: Point;
			/** image pixels that count as near: 8 CSS pixels, 20 for touch */
			readonly near: number;
			readonly frame: number;
			readonly shift: boolean;
			readonly alt: boolean;
	  }
	| {
			readonly type: 'key';
			/** Arrows move the keyboard's cursor, a handle or a shape: 1 pixel, with shift 10, with alt a tenth. Space places a point. Tab goes through shapes and handles. */
			readonly key: 'Enter' | 'Escape' | 'Delete' | 'Backspace' | 'undo' | 'redo' | 'Tab' | 'Space' | 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown';
			readonly shift?: boolean;
			readonly alt?: boolean;
	  };

/** A shape on the board. id is the board's own. */
export interface Placed {
	readonly id: string;
	readonly shape: Drawn;
	/** item of the protocol that it answers */
	readonly item: string;
	/** whose it is: own shapes can be edited, others are shown */
	readonly layer: Layer;
	/** what the server says of it: "12.3 mm"; undefined while it is asked */
	readonly label?: string;
	/** what a pixel is worth in both directions, in one unit, as the server measured it: discs lie as it sums them. Undefined: square as it is shown */
	readonly size?: Point;
}

/** Own, or one of others' by letter: told apart by colour and by line style. */
export type Layer = 'own' | 'a' | 'b' | 'c' | 'ai' | 'live';

export interface PlacedMask {
	readonly item: string;
	readonly image: number;
	readonly frame: number;
	readonly layer: Layer;
	readonly mask: MaskRuns;
}

/** What there is to draw over a frame. */
export interface Scene {
	readonly shapes: readonly Placed[];
	readonly masks: readonly PlacedMask[];
	/** the shape that is being drawn */
	readonly draft: Drawn | undefined;
	readonly selected: string | undefined;
	/** brush under the pointer, image pixels of a column's width */
	readonly cursor: { readonly point: Point; readonly radius: number } | undefined;
	/** where the next key places a point; undefined while one points with something */
	readonly cross?: Point | undefined;
	/** handle of the selected shape that arrows move */
	readonly handle?: number | undefined;
}

/** A change that somebody made and that is to be kept: sent as an answer by the app. */
export type Change =
	| { readonly type: 'shape'; readonly placed: Placed }
	| { readonly type: 'removed'; readonly id: string; readonly item: string }
	| { readonly type: 'mask'; readonly mask: PlacedMask };

/** Shapes and masks of one image, its tools and its history. */
export interface Board {
	readonly scene: Scene;
	tool: ToolName;
	/** that is shown: keys draw there. Pointers say it themselves */
	frame: number;
	/** item that what is drawn answers, and the role of a trace; with one, a new shape takes the place of the item's former one in the image or in the frame */
	target: { readonly item: string; readonly role?: Drawn['role']; readonly one?: 'image' | 'frame' } | undefined;
	/** image pixels */
	brush: number;
	/** stored values that the threshold brush takes, both included */
	threshold: readonly [number, number];
	/** Own shape that is selected; undefined: none. */
	select(id: string | undefined): void;
	/** Adds an own shape that was not drawn here (in an M-mode picture, say, or another's that one agrees with); its id. */
	add(shape: Drawn, target: Board['target']): string;
	/** Takes a shape away, as Delete does. */
	remove(id: string): void;
	/** Takes what somebody does. True: the board used it; false: it is the viewport's (pan, scroll). */
	input(i: Input): boolean;
	undo(): void;
	redo(): void;
	readonly canUndo: boolean;
	readonly canRedo: boolean;
	/**
	 * Puts what the server has (own answers after a reload, others' layers) in place of all that is here; not part of the history. Where own
	 * shapes and masks are other than they were here, the history ends.
	 */
	put(shapes: readonly Placed[], masks: readonly PlacedMask[]): void;
	/** Words of the server for a shape. */
	label(id: string, text: string, size?: Point): void;
	/** Copies own shapes and masks of a frame's item to another frame. */
	copy(item: string, from: number, to: number): void;
	/** Fills the frames between two frames that have the item's mask or shape. */
	interpolate(item: string, from: number, to: number): void;
	/** Fills a closed own shape into its item's mask in its frame, or takes it away from there. */
	fillShape(id: string, how?: 'union' | 'subtract'): void;
	/** Takes a mask (another reader's, say) together with the item's own in a frame. */
	combine(item: string, frame: number, mask: MaskRuns, how: 'union' | 'subtract' | 'intersect'): void;
	/** The scene has changed. */
	onScene(f: (s: Scene) => void): Unsubscribe;
	/** Something is to be kept: when a shape is finished or edited, a stroke ended, something was undone. */
	onChange(f: (c: Change) => void): Unsubscribe;
}
