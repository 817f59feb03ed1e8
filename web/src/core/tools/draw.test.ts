import { describe, expect, test } from 'vitest';
import type { Point, ShapeKind } from '../../api/types';
import { Hand, image } from '../testing/hand';
import { counts } from './kinds';

const draw = (tool: ShapeKind): Hand => new Hand().use(tool);

describe('each tool makes its shape', () => {
	test('point: one click', () => {
		expect(draw('point').click([12, 34]).last).toEqual([[12, 34]]);
	});
	test('length: two clicks, or a drag', () => {
		expect(draw('length').click([10, 10], [50, 60]).last).toEqual([[10, 10], [50, 60]]);
		expect(draw('length').drag([10, 10], [30, 30], [50, 60]).last).toEqual([[10, 10], [50, 60]]);
	});
	test('length: a double click does not make a line without length', () => {
		const h = draw('length').double([10, 10]);
		expect(h.board.scene.shapes).toHaveLength(0);
		expect(h.click([50, 60]).last).toEqual([[10, 10], [50, 60]]);
	});
	test('polyline: a double click or Enter ends', () => {
		expect(draw('polyline').click([10, 10], [50, 60]).double([90, 20]).last).toEqual([[10, 10], [50, 60], [90, 20]]);
		expect(draw('polyline').click([10, 10], [50, 60], [90, 20]).key('Enter').last).toEqual([[10, 10], [50, 60], [90, 20]]);
	});
	test('polygon: a click on the first corner closes', () => {
		expect(draw('polygon').click([10, 10], [90, 10], [50, 60], [12, 11]).last).toEqual([[10, 10], [90, 10], [50, 60]]);
	});
	test('polygon: corners may lie close together', () => {
		expect(draw('polygon').click([10, 10], [90, 10], [92, 12], [50, 60]).key('Enter').last).toEqual([[10, 10], [90, 10], [92, 12], [50, 60]]);
	});
	test('spline', () => {
		expect(draw('spline').click([10, 10], [90, 10], [50, 60]).key('Enter').last).toEqual([[10, 10], [90, 10], [50, 60]]);
	});
	test('angle: three clicks, the vertex second', () => {
		expect(draw('angle').click([10, 10], [50, 60], [90, 10]).last).toEqual([[10, 10], [50, 60], [90, 10]]);
	});
	test('angle: where the first line is dragged there is a second one', () => {
		expect(draw('angle').drag([10, 10], [90, 12]).drag([10, 60], [90, 80]).last).toEqual([[10, 10], [90, 12], [10, 60], [90, 80]]);
		expect(draw('angle').drag([10, 10], [90, 12]).click([10, 60], [90, 80]).last).toEqual([[10, 10], [90, 12], [10, 60], [90, 80]]);
	});
	test('bidirectional: the second line is at right angles, with alt it is free', () => {
		expect(draw('bidirectional').drag([10, 50], [110, 50]).drag([60, 20], [75, 90]).last).toEqual([[10, 50], [110, 50], [60, 20], [60, 90]]);
		const h = draw('bidirectional').drag([10, 50], [110, 50]).click([60, 20]);
		h.send('down', [75, 90], { alt: true });
		h.send('up', [75, 90], { alt: true });
		expect(h.last).toEqual([[10, 50], [110, 50], [60, 20], [75, 90]]);
	});
	test('bidirectional: right angles are those that are seen, on pixels twice as high as wide', () => {
		const h = new Hand(image(200, 300, 2)).use('bidirectional').drag([40, 40], [80, 60]).drag([60, 50], [40, 60]);
		const [a, b, c, d] = h.last as unknown as [Point, Point, Point, Point];
		expect((b[0] - a[0]) * (d[0] - c[0]) + 4 * (b[1] - a[1]) * (d[1] - c[1])).toBeCloseTo(0, 2);
	});
	test('rectangle: two opposite corners', () => {
		expect(draw('rectangle').drag([50, 60], [10, 20]).last).toEqual([[50, 60], [10, 20]]);
	});
	test('ellipse: an axis, then how far across', () => {
		expect(draw('ellipse').drag([10, 50], [110, 50]).click([80, 80]).last).toEqual([[10, 50], [110, 50], [60, 20], [60, 80]]);
	});
	test('freehand: in one go; points that lie on a line are left out', () => {
		const h = draw('freehand').drag([10, 10], [30, 10], [50, 10], [70, 10], [70, 40], [70, 60], [40, 50]);
		expect(h.last).toEqual([[10, 10], [70, 10], [70, 60], [40, 50]]);
	});
	test('freehand: a click draws nothing', () => {
		expect(draw('freehand').click([10, 10]).board.scene.shapes).toHaveLength(0);
	});
	test('freehand: never more points than the server takes, and none far off', () => {
		const h = draw('freehand'), all: Point[] = [];
		for (let i = 0; i < 4_400; i++) all.push([150 + 90 * Math.cos((i * 6.28) / 4_400) + 0.7 * ((i * 7) % 5), 100 + 90 * Math.sin((i * 6.28) / 4_400)]);
		h.near = 0.8;
		h.drag(...all);
		expect(h.last.length).toBeGreaterThan(100);
		expect(h.last.length).toBeLessThanOrEqual(4096);
	});
	test('trace: in one go, or by clicks', () => {
		const wall: Point[] = [[100, 150], [80, 90], [100, 30], [120, 90], [140, 150]];
		expect(draw('trace').drag(...wall).last).toEqual(wall);
		expect(draw('trace').click(...wall).key('Enter').last).toEqual(wall);
		expect(draw('trace').click(...wall.slice(0, 3)).key('Enter').board.scene.shapes).toHaveLength(0);
	});
	test('trace: a stroke that is nearly straight still has five points', () => {
		expect(draw('trace').drag([10, 10], [20, 11], [60, 10]).last).toHaveLength(5);
	});
	test('caliper', () => {
		expect(draw('caliper').drag([10, 10], [60, 10]).last).toEqual([[10, 10], [60, 10]]);
	});
});

test('Escape gives up, Backspace and undo take back a point', () => {
	const h = draw('polygon').click([10, 10], [50, 10], [50, 50]);
	expect(h.board.scene.draft?.points).toHaveLength(4);
	h.key('Backspace').key('undo');
	expect(h.board.scene.draft?.points).toEqual([[10, 10], [50, 50]]);
	h.key('Escape');
	expect(h.board.scene.draft).toBeUndefined();
	expect(h.changes).toHaveLength(0);
	expect(h.board.input({ type: 'key', key: 'Escape' })).toBe(false);
});

test('nothing is drawn outside of the picture', () => {
	for (const kind of Object.keys(counts) as ShapeKind[]) {
		const h = draw(kind);
		h.drag([-20, -30], [900, 20], [500, 500], [20, 700], [-50, 100]).click([400, 100], [-7, 90], [40, 900]).key('Enter');
		for (const s of h.board.scene.shapes) {
			for (const [x, y] of s.shape.points) {
				expect(x >= 0 && x <= 300 && y >= 0 && y <= 200, `${kind} ${x} ${y}`).toBe(true);
			}
		}
		expect(h.board.scene.shapes.length, kind).toBeGreaterThan(0);
	}
});

test('a shape is drawn in one frame: clicks in another are not taken', () => {
	const h = draw('polygon').click([10, 10], [50, 10]);
	h.frame = 3;
	expect(h.send('down', [50, 50])).toBe(false);
	h.frame = 0;
	h.click([50, 50]).key('Enter');
	expect(h.board.scene.shapes.map((s) => s.shape.frame)).toEqual([0]);
	expect(h.last).toHaveLength(3);
});

test('a pointer that is taken away leaves what was clicked', () => {
	const h = draw('polygon').click([10, 10], [50, 10]);
	h.send('down', [70, 70]);
	h.send('cancel', [70, 70]);
	expect(h.click([50, 50]).key('Enter').last).toEqual([[10, 10], [50, 10], [50, 50]]);
	h.use('length').send('down', [10, 10]);
	h.send('cancel', [10, 10]);
	expect(h.board.scene.draft).toBeUndefined();
});

test('what is drawn answers the target, and takes the place of the former one where there is one only', () => {
	const h = draw('length');
	h.board.target = { item: 'lvidd', one: 'image' };
	h.click([10, 10], [50, 10]).click([10, 20], [60, 20]);
	expect(h.board.scene.shapes.map((s) => [s.item, s.shape.points[1]])).toEqual([['lvidd', [60, 20]]]);
	expect(h.changes.map((c) => c.type)).toEqual(['shape', 'removed', 'shape']);
	h.board.undo();
	expect(h.board.scene.shapes.map((s) => s.shape.points[1])).toEqual([[50, 10]]);
	h.board.target = { item: 'lvef', role: 'a4c_ed' };
	h.use('trace').drag([100, 150], [80, 90], [100, 30], [120, 90], [140, 150]);
	expect(h.changes.at(-1)).toMatchObject({ type: 'shape', placed: { item: 'lvef', layer: 'own', shape: { role: 'a4c_ed', image: 1, frame: 0, kind: 'trace' } } });
});
