import type { Point } from '../../../api/types';
import type { Board, Input, Unsubscribe } from '../../../core/contract';
import { apply, invert, pixelsPerScreen, type Affine } from '../../../core/geometry';

type Key = Extract<Input, { type: 'key' }>['key'];

const keys: ReadonlySet<string> = new Set<Key>(['Enter', 'Escape', 'Delete', 'Backspace', 'Tab', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']);

/** The board's key of a key that was pressed. */
export function keyOf(e: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey'>): Key | undefined {
	if (e.ctrlKey || e.metaKey) return e.key.toLowerCase() !== 'z' ? undefined : e.shiftKey ? 'redo' : 'undo';
	return e.key === ' ' ? 'Space' : keys.has(e.key) ? (e.key as Key) : undefined;
}

/** Gives a board what pointers and keys do on an element. to maps image space to the element; passed is told where a pointer is. */
export function draws(node: HTMLElement, board: Board, to: () => Affine, passed?: (p: Point) => void): Unsubscribe {
	const send = (type: 'down' | 'move' | 'up' | 'cancel' | 'double', e: MouseEvent) => {
		const r = node.getBoundingClientRect(), m = to(), touch = e instanceof PointerEvent && e.pointerType === 'touch';
		const point = apply(invert(m), [e.clientX - r.left, e.clientY - r.top]);
		passed?.(point);
		board.input({ type, point, near: (touch ? 20 : 8) * pixelsPerScreen(m), frame: board.frame, shift: e.shiftKey, alt: e.altKey });
	};
	const end = new AbortController(), on = { signal: end.signal };
	node.addEventListener('pointerdown', (e) => {
		if (e.button !== 0) return;
		node.setPointerCapture(e.pointerId);
		node.focus({ preventScroll: true });
		send('down', e);
		e.preventDefault();
	}, on);
	node.addEventListener('pointermove', (e) => send('move', e), on);
	node.addEventListener('pointerup', (e) => send('up', e), on);
	node.addEventListener('pointercancel', (e) => send('cancel', e), on);
	node.addEventListener('dblclick', (e) => send('double', e), on);
	node.addEventListener('keydown', (e) => {
		const key = keyOf(e);
		if (!key) return;
		// The page's own shortcuts do not see what is drawn with; keys that the board has no use for go on.
		if (board.input({ type: 'key', key, shift: e.shiftKey, alt: e.altKey })) {
			e.preventDefault();
			e.stopPropagation();
		}
	}, on);
	return () => end.abort();
}
