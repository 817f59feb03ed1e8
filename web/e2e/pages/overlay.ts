/** A page with a board and its overlay alone, for web/e2e/sessions/overlay.mjs: no server, no Svelte. */
import type { Image, Point } from '../../src/api/types';
import { createBoard } from '../../src/core/board';
import type { Layer, Placed, PlacedMask, ToolName } from '../../src/core/contract';
import { apply, invert, type Affine } from '../../src/core/geometry';
import { emptyMask, encode, setRange } from '../../src/core/masks/bits';
import { paint } from '../../src/core/masks/brush';
import { Overlay } from '../../src/core/overlay/overlay';

const image = (rows: number, columns: number): Image => ({
	number: 1, series: 1, rows, columns, frames: 4, samples: 1, bits: 8, bits_stored: 8, signed: false, inverse: false, aspect: 1,
});

/** Tissue as a cine has it: a dark cavity in bright walls, black beside the sector. */
function tissue(rows: number, columns: number): HTMLCanvasElement {
	const c = document.createElement('canvas');
	[c.width, c.height] = [columns, rows];
	const ctx = c.getContext('2d')!, d = ctx.createImageData(columns, rows);
	for (let y = 0; y < rows; y++) {
		for (let x = 0; x < columns; x++) {
			const u = (x - columns / 2) / (columns * 0.17), v = (y - rows * 0.52) / (rows * 0.36), r = Math.hypot(u, v);
			const sector = Math.abs(x - columns / 2) < (y + 20) * 0.8;
			const noise = (((x * 2654435761) ^ (y * 40503)) >>> 8) % 60;
			const g = !sector ? 0 : r < 1 ? 12 + noise * 0.3 : r < 1.35 ? 190 + noise : 70 + noise;
			d.data.set([g, g, g, 255], (y * columns + x) * 4);
		}
	}
	ctx.putImageData(d, 0, 0);
	return c;
}

function open(rows: number, columns: number, zoom: number): void {
	document.body.replaceChildren();
	const host = document.createElement('div');
	host.id = 'host';
	const picture = tissue(rows, columns), im = image(rows, columns), board = createBoard(im, { sample: (_, x, y) => (x * 7 + y * 13) % 256 });
	picture.style.transformOrigin = '0 0';
	picture.style.transform = `scale(${zoom})`;
	picture.style.position = 'absolute';
	picture.style.left = picture.style.top = '0';
	host.style.position = 'relative';
	host.style.overflow = 'hidden';
	host.style.touchAction = 'none';
	host.style.height = `${rows * zoom}px`;
	host.style.width = `min(100vw, ${columns * zoom}px)`;
	host.append(picture);
	document.body.append(host);
	document.body.style.margin = '0';
	document.body.style.background = '#101214';
	const overlay = new Overlay(host);
	const view = { frame: 0, picture: { rows, columns, aspect: 1 }, transform: { a: zoom, b: 0, c: 0, d: zoom, e: 0, f: 0 } as Affine, width: host.clientWidth, height: host.clientHeight };
	const draw = (): void => overlay.draw(board.scene, view);
	board.onScene(() => requestAnimationFrame(draw));
	draw();
	const send = (type: 'down' | 'move' | 'up' | 'double', e: MouseEvent): void => {
		board.input({ type, point: apply(invert(view.transform), [e.clientX, e.clientY]), near: 8 / zoom, frame: 0, shift: e.shiftKey, alt: e.altKey });
	};
	host.addEventListener('pointerdown', (e) => send('down', e));
	host.addEventListener('pointermove', (e) => send('move', e));
	host.addEventListener('pointerup', (e) => send('up', e));
	host.addEventListener('dblclick', (e) => send('double', e));
	const keys: Readonly<Record<string, string>> = { ' ': 'Space' };
	addEventListener('keydown', (e) => {
		const key = e.ctrlKey && e.key === 'z' ? 'undo' : (keys[e.key] ?? e.key);
		if (board.input({ type: 'key', key: key as 'Enter', shift: e.shiftKey, alt: e.altKey })) e.preventDefault();
	});
	Object.assign(globalThis, { page: { board, overlay, view, draw, use: (t: ToolName) => (board.tool = t), masks, strokes, many } });

	/** Shapes of all layers, each with a label. */
	function many(n: number): void {
		const layers: Layer[] = ['own', 'a', 'b', 'c', 'ai', 'live'];
		const shapes = Array.from({ length: n }, (_, i): Placed => {
			const cx = columns * (0.2 + 0.6 * ((i * 37) % 100) / 100), cy = rows * (0.2 + 0.6 * ((i * 61) % 100) / 100), r = 20 + ((i * 13) % 40);
			const points = Array.from({ length: 40 }, (_, k): Point => [cx + r * Math.cos(k / 6.4), cy + r * Math.sin(k / 6.4)]);
			return { id: `s${i}`, item: 'x', layer: layers[i % 6]!, label: `${(i * 1.7).toFixed(1)} mm`, shape: { kind: 'polygon', frame: 0, image: 1, points } };
		});
		board.put(shapes, []);
	}

	/** Round masks of three layers, or a checkered one. */
	function masks(fine: boolean): PlacedMask[] {
		return (fine ? ['a'] : ['a', 'b', 'ai']).map((layer, i): PlacedMask => {
			const m = emptyMask(rows, columns);
			if (fine) for (let y = 0; y < rows; y += 2) for (let x = 0; x < columns; x += 2) setRange(m, y, x, x + 1, true);
			else paint(m, [columns * (0.3 + 0.2 * i), rows * 0.5], [columns * (0.35 + 0.2 * i), rows * 0.6], columns / 9, 1, true);
			return { item: 'x', image: 1, frame: 0, layer: layer as Layer, mask: encode(m) };
		});
	}

	/** Moves a brush n times round; ms of each move with its drawing, from the input until the overlay's elements are there. */
	function strokes(n: number): number[] {
		const at = (i: number): Point => [columns / 2 + columns * 0.3 * Math.cos(i / 20), rows / 2 + rows * 0.3 * Math.sin(i / 15)];
		const out: number[] = [];
		board.input({ type: 'down', point: at(0), near: 8, frame: 0, shift: false, alt: false });
		for (let i = 1; i <= n; i++) {
			const since = performance.now();
			board.input({ type: 'move', point: at(i), near: 8, frame: 0, shift: false, alt: false });
			draw();
			out.push(performance.now() - since);
		}
		board.input({ type: 'up', point: at(n), near: 8, frame: 0, shift: false, alt: false });
		return out;
	}
}

Object.assign(globalThis, { open });
