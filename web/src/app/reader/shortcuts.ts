import type { Shortcut } from '../../ui/keys';
import { choose } from './choose';
import { oneToOne } from '../../core/viewport/view';
import type { Stage } from './stage.svelte';
import { optionsOf } from './words';

/** What the reader's page does beside the stage. */
export interface PageActions {
	lock(): void;
	help(): void;
	leave(): void;
}

const PAN = 40;

/** The reader's table of shortcuts. Keys that a board takes (a cross, a selected shape) go there first. */
export function shortcuts(stage: Stage, page: PageActions): Shortcut[] {
	const open = () => !stage.session.locked;
	/** The board has arrows and Space while something is drawn, or a shape was chosen with Tab: else arrows are for frames, also when one was just drawn. */
	const drawing = () => open() && (stage.tool !== 'select' || stage.nudging);
	const selected = () => drawing() || (open() && stage.board.scene.selected !== undefined);
	const middle = (): [number, number] => {
		const e = document.querySelector(`[data-pane="${stage.active}"]`);
		return e ? [e.clientWidth / 2, e.clientHeight / 2] : [0, 0];
	};
	const zoom = (f: number) => stage.view?.zoomAt(middle(), f);
	const items = () => stage.session.items;
	const go = (by: number) => {
		const all = items(), i = all.findIndex((it) => it.name === stage.item);
		const next = all[Math.min(all.length - 1, Math.max(0, i + by))];
		if (next) stage.choose(next.name);
	};
	const option = (n: number) => {
		const it = stage.current;
		const o = it && optionsOf(it, stage.session.task?.arm)[n];
		if (it && o && open()) choose(stage.session, it, stage.placeOf(it), o.name);
	};
	const loop = () => stage.view?.setPlay({ loop: [0, stage.display.places.length - 1] });
	/** Arrows of the board: Shift goes 10 pixels, Alt a tenth. It says itself whether it takes them. */
	const arrows = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'] as const;
	const moving = (mod: '' | 'Shift+' | 'Alt+', label: string): Shortcut[] =>
		arrows.map((key) => ({ keys: [mod + key], shown: [`${mod}← ↑ ↓ →`], group: 'Drawing', label, when: () => drawing() && stage.key(key, mod === 'Shift+', mod === 'Alt+'), run: () => undefined }));
	const board = (keys: string[], key: 'Enter' | 'Escape' | 'Delete' | 'Backspace' | 'Space', label: string): Shortcut => ({
		keys, group: 'Drawing', label, when: () => (key === 'Space' ? drawing() : selected()) && stage.key(key), run: () => undefined,
	});
	const frames = 'Frames', picture = 'Picture', answers = 'Answers', tools = 'Tools';
	const paint = (keys: string[], tool: 'brush' | 'erase' | 'fill' | 'threshold', label: string): Shortcut => ({
		keys, group: tools, label, when: () => open() && stage.current?.kind === 'mask', run: () => stage.paint(stage.current!, tool),
	});
	return [
		{ keys: ['Space'], group: frames, label: 'Play or pause', run: () => stage.toggle() },
		{ keys: ['ArrowLeft'], group: frames, label: 'Previous frame', run: () => stage.step(-1) },
		{ keys: ['ArrowRight'], group: frames, label: 'Next frame', run: () => stage.step(1) },
		{ keys: ['Shift+ArrowLeft'], group: frames, label: 'Ten frames back', run: () => stage.step(-10) },
		{ keys: ['Shift+ArrowRight'], group: frames, label: 'Ten frames on', run: () => stage.step(10) },
		{ keys: ['Home'], group: frames, label: 'First frame', run: () => stage.step(-1e9) },
		{ keys: ['End'], group: frames, label: 'Last frame', run: () => stage.step(1e9) },
		{ keys: [','], group: frames, label: 'Previous mark', run: () => stage.toMark(-1) },
		{ keys: ['.'], group: frames, label: 'Next mark', run: () => stage.toMark(1) },
		{ keys: ['<'], group: frames, label: 'Slower', run: () => stage.view?.setPlay({ speed: Math.max(0.25, stage.speed / 2) }) },
		{ keys: ['>'], group: frames, label: 'Faster', run: () => stage.view?.setPlay({ speed: Math.min(2, stage.speed * 2) }) },
		{ keys: ['s'], group: frames, label: 'Loop from here', run: () => stage.loopFrom() },
		{ keys: ['Shift+s'], group: frames, label: 'Loop to here', run: () => stage.loopTo() },
		{ keys: ['a'], group: frames, label: 'Loop all frames', run: loop },
		{ keys: ['w'], group: frames, label: 'Forth and back', run: () => stage.view?.setPlay({ sweep: !stage.sweep }) },

		{ keys: ['+', '='], group: picture, label: 'Zoom in', run: () => zoom(1.25) },
		{ keys: ['-'], group: picture, label: 'Zoom out', run: () => zoom(0.8) },
		{ keys: ['0', 'f'], group: picture, label: 'Fit', run: () => stage.view?.setView({ scale: 0, centre: undefined }) },
		{ keys: ['z'], group: picture, label: 'One pixel for one (1:1)', run: () => stage.view?.setView({ scale: oneToOne(devicePixelRatio) }) },
		{ keys: ['o'], group: picture, label: 'One to one', run: () => stage.view?.setView({ scale: 1 / devicePixelRatio }) },
		{ keys: ['i'], group: picture, label: 'Invert', run: () => stage.view?.setGrey({ invert: !stage.view.grey.invert }) },
		{ keys: ['h'], group: picture, label: 'Mirror', run: () => stage.view?.setView({ flip: !stage.view.view.flip }) },
		{ keys: ['r'], group: picture, label: 'Rotate', run: () => stage.rotate() },
		{ keys: ['Alt+ArrowLeft'], group: picture, label: 'Move to the left', run: () => stage.view?.panBy(-PAN, 0) },
		{ keys: ['Alt+ArrowRight'], group: picture, label: 'Move to the right', run: () => stage.view?.panBy(PAN, 0) },
		{ keys: ['Alt+ArrowUp'], group: picture, label: 'Move up', run: () => stage.view?.panBy(0, -PAN) },
		{ keys: ['Alt+ArrowDown'], group: picture, label: 'Move down', run: () => stage.view?.panBy(0, PAN) },
		{ keys: ['PageUp', 'ArrowUp'], group: picture, label: 'Previous image', run: () => stage.turn(-1) },
		{ keys: ['PageDown', 'ArrowDown'], group: picture, label: 'Next image', run: () => stage.turn(1) },
		{ keys: ['x'], group: picture, label: 'Next picture on the page', when: () => stage.panes.length > 1, run: () => (stage.activate((stage.active + 1) % stage.panes.length), stage.focus()) },

		{ keys: ['n'], group: answers, label: 'Next item', run: () => go(1) },
		{ keys: ['p'], group: answers, label: 'Previous item', run: () => go(-1) },
		{ keys: ['d'], group: answers, label: 'Draw, take the frame, or go to the field', when: open, run: () => stage.current && stage.act(stage.current) },
		{ keys: Array.from({ length: 9 }, (_, i) => String(i + 1)), shown: ['1 … 9'], group: answers, label: 'Options of the item', run: (k) => option(Number(k) - 1) },
		{ keys: ['Mod+Enter'], group: answers, label: 'Lock the reading', everywhere: true, when: open, run: () => page.lock() },

		{ keys: ['v'], group: tools, label: 'Select and move', when: open, run: () => stage.arm('select') },
		paint(['b'], 'brush', 'Brush'),
		paint(['e'], 'erase', 'Eraser'),
		paint(['g'], 'fill', 'Fill a hole'),
		paint(['t'], 'threshold', 'Brush by brightness'),
		{ keys: ['['], group: tools, label: 'Smaller brush', run: () => stage.setBrush(stage.brush - Math.max(1, Math.round(stage.brush / 8))) },
		{ keys: [']'], group: tools, label: 'Larger brush', run: () => stage.setBrush(stage.brush + Math.max(1, Math.round(stage.brush / 8))) },
		{ keys: ['Mod+z'], group: tools, label: 'Undo', when: open, run: () => stage.undo() },
		{ keys: ['Mod+Shift+z', 'Mod+y'], group: tools, label: 'Redo', when: open, run: () => stage.redo() },

		...moving('', 'Move the cross, the shape or its handle'),
		...moving('Shift+', 'by 10 pixels'),
		...moving('Alt+', 'by a tenth of a pixel'),
		board(['Space'], 'Space', 'Set a point; press and let go with hand and brush'),
		board(['Enter'], 'Enter', 'End the shape'),
		board(['Escape'], 'Escape', 'Give up, or select nothing'),
		board(['Delete'], 'Delete', 'Remove the selected shape'),
		board(['Backspace'], 'Backspace', 'Take the last point back'),

		{ keys: ['?'], group: 'Page', label: 'This list', run: () => page.help() },
		{ keys: ['q'], group: 'Page', label: 'Back to the worklist', run: () => page.leave() },
	];
}

/** What mouse and fingers do, for the help. */
export const gestures = [
	{
		name: 'Mouse',
		entries: [['Left', 'Draw, select; move the picture'], ['Right', 'Window: wider, brighter'], ['Middle', 'Move the picture'], ['Wheel', 'Frames'], ['Ctrl wheel', 'Zoom'], ['Double click', 'End a shape; add a point'], ['Shift left', 'Crosshair in stacks']],
	},
	{ name: 'Fingers', entries: [['One', 'Draw; else scroll frames'], ['Two', 'Move and zoom']] },
] as const;
