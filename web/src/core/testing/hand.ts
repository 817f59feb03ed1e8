/** For tests: a small generator of random numbers with a seed, an image, and a hand that clicks and drags. */
import type { Image, Point } from '../../api/types';
import type { Board, Change, Input } from '../contract';
import { createBoard, type LocalBoard, type Sample } from '../board';

/** Mulberry32: numbers from 0 to below 1. */
export function random(seed: number): () => number {
	return () => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

export const image = (rows = 200, columns = 300, aspect = 1): Image => ({
	number: 1, series: 1, rows, columns, frames: 10, samples: 1, bits: 8, bits_stored: 8, signed: false, inverse: false, aspect,
});

export type Key = Extract<Input, { type: 'key' }>['key'];

export class Hand {
	readonly changes: Change[] = [];
	readonly board: LocalBoard;
	frame = 0;
	near = 8;
	constructor(im: Image = image(), sample?: Sample) {
		this.board = createBoard(im, sample ? { sample } : {});
		this.board.onChange((c) => this.changes.push(c));
	}
	send(type: 'down' | 'move' | 'up' | 'cancel' | 'double', point: Point, how: { shift?: boolean; alt?: boolean } = {}): boolean {
		return this.board.input({ type, point, near: this.near, frame: this.frame, shift: !!how.shift, alt: !!how.alt });
	}
	click(...points: Point[]): this {
		for (const p of points) {
			this.send('move', p);
			this.send('down', p);
			this.send('up', p);
		}
		return this;
	}
	double(p: Point): this {
		this.click(p, p);
		this.send('double', p);
		return this;
	}
	drag(...points: Point[]): this {
		this.send('down', points[0]!);
		for (const p of points.slice(1)) this.send('move', p);
		this.send('up', points.at(-1)!);
		return this;
	}
	key(...keys: Key[]): this {
		for (const key of keys) this.board.input({ type: 'key', key });
		return this;
	}
	use(tool: Board['tool']): this {
		this.board.tool = tool;
		return this;
	}
	/** Points of the last shape, rounded to a thousandth. */
	get last(): Point[] {
		const round = (x: number): number => Math.round(x * 1000) / 1000;
		return (this.board.scene.shapes.at(-1)?.shape.points ?? []).map(([x, y]): Point => [round(x), round(y)]);
	}
}
