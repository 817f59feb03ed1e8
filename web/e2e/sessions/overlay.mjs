/** The board and its overlay alone in Chromium, under the program's policy for content: drawn with the mouse, looked at, timed (the times are printed, not judged). */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { pictures } from '../lib.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'";

async function withPage(width, height, f) {
	const out = mkdtempSync(join(tmpdir(), 'cineloop-overlay-'));
	await build({
		configFile: false,
		logLevel: 'error',
		build: { outDir: out, minify: false, lib: { entry: join(here, '../pages/overlay.ts'), formats: ['es'], fileName: () => 'overlay.js' } },
	});
	const script = readFileSync(join(out, 'overlay.js'));
	const server = createServer((q, r) => {
		const js = q.url === '/overlay.js';
		r.writeHead(200, { 'Content-Type': js ? 'text/javascript' : 'text/html', 'Content-Security-Policy': policy });
		r.end(js ? script : '<!doctype html><html lang="en"><title>overlay</title><body><script type="module" src="/overlay.js"></script></body></html>');
	});
	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	const browser = await chromium.launch({ executablePath: process.env.CHROME ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
	try {
		const page = await browser.newPage({ viewport: { width, height } });
		const bad = [];
		page.on('console', (m) => m.type() === 'error' && !m.text().includes('favicon') && bad.push(m.text()));
		page.on('pageerror', (e) => bad.push(String(e)));
		await page.goto(`http://127.0.0.1:${server.address().port}/`);
		await page.waitForFunction(() => typeof globalThis.open === 'function' && globalThis.open.length === 3);
		await f(page);
		assert.deepEqual(bad, []);
	} finally {
		await browser.close();
		server.close();
		rmSync(out, { recursive: true, force: true });
	}
}

const settle = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

async function keep(page, name) {
	mkdirSync(pictures, { recursive: true });
	await page.screenshot({ path: join(pictures, `${name}.png`) });
}

/** Labels lie inside of the canvas and off one another. */
async function labelsAreFree(page) {
	const boxes = await page.evaluate(() => [...document.querySelectorAll('[data-part=label]')].map((t) => t.getBBox()).map((b) => [b.x, b.y, b.x + b.width, b.y + b.height]));
	const { width, height } = await page.evaluate(() => globalThis.page.view);
	for (const [i, b] of boxes.entries()) {
		assert.ok(b[0] >= 0 && b[1] >= 0 && b[2] <= width && b[3] <= height, `label ${i} leaves the canvas: ${b}`);
		for (const o of boxes.slice(i + 1)) assert.ok(b[2] <= o[0] || o[2] <= b[0] || b[3] <= o[1] || o[3] <= b[1], `labels meet: ${b} and ${o}`);
	}
	return boxes.length;
}

const spread = (ms) => {
	const s = [...ms].sort((a, b) => a - b);
	return `median ${s[s.length >> 1].toFixed(2)}, 95 % ${s[Math.floor(s.length * 0.95)].toFixed(2)}, most ${s.at(-1).toFixed(2)} ms`;
};

export const tests = {
	'a ventricle, a diameter and a contour are drawn with the mouse, and changed': () =>
		withPage(1000, 800, async (page) => {
			await page.evaluate(() => globalThis.open(400, 500, 2));
			const drag = async (points) => {
				await page.mouse.move(...points[0]);
				await page.mouse.down();
				for (const p of points.slice(1)) await page.mouse.move(...p, { steps: 3 });
				await page.mouse.up();
			};
			await page.evaluate(() => globalThis.page.use('trace'));
			await drag(Array.from({ length: 40 }, (_, i) => [500 - 165 * Math.cos((Math.PI * i) / 39), 560 - 420 * Math.sin((Math.PI * i) / 39)]));
			await page.evaluate(() => globalThis.page.use('length'));
			await drag([[340, 400], [660, 400]]);
			await page.evaluate(() => {
				const { board } = globalThis.page;
				const [trace, line] = board.scene.shapes;
				board.label(trace.id, '98.4 mL');
				board.label(line.id, '46.2 mm');
				board.tool = 'select';
				board.select(trace.id);
			});
			await settle(page);
			assert.equal(await page.evaluate(() => globalThis.page.board.scene.shapes.length), 2);
			assert.equal((await page.locator('[data-part=discs]').getAttribute('d')).split('M').length - 1, 20, 'discs');
			assert.equal(await labelsAreFree(page), 2);
			await keep(page, 'overlay-ventricle');
			// The apex goes where it is dragged; both sides of the valve stay.
			const before = await page.evaluate(() => globalThis.page.board.scene.shapes[0].shape.points);
			await drag([[500, 140], [530, 90]]);
			const after = await page.evaluate(() => globalThis.page.board.scene.shapes[0].shape.points);
			assert.deepEqual([after[0], after.at(-1)].map((p) => p.map(Math.round)), [before[0], before.at(-1)].map((p) => p.map(Math.round)));
			assert.ok(Math.min(...after.map((p) => p[1])) < Math.min(...before.map((p) => p[1])) - 15);
			await page.keyboard.press('Control+z');
			assert.deepEqual(await page.evaluate(() => globalThis.page.board.scene.shapes[0].shape.points), before);
			assert.equal(await page.locator('svg[role=img]').count(), 1);
			assert.equal(await page.evaluate(() => document.querySelectorAll('svg [style]').length), 0);
		}),

	'all layers at once, on a small screen': () =>
		withPage(390, 700, async (page) => {
			await page.evaluate(() => globalThis.open(480, 390, 1));
			await page.evaluate(() => {
				const { board, many, masks } = globalThis.page;
				many(6);
				board.put(board.scene.shapes, masks(false));
			});
			await settle(page);
			assert.ok((await labelsAreFree(page)) >= 6);
			await keep(page, 'overlay-layers-390');
		}),

	'a polygon by keys alone': () =>
		withPage(600, 500, async (page) => {
			await page.evaluate(() => globalThis.open(400, 500, 1));
			await page.evaluate(() => globalThis.page.use('polygon'));
			for (const k of ['Space', 'Space', 'Shift+ArrowRight', 'Shift+ArrowRight', 'Space', 'Shift+ArrowDown', 'Shift+ArrowDown']) await page.keyboard.press(k);
			await settle(page);
			assert.equal(await page.locator('[data-part=cross]').count(), 2);
			await keep(page, 'overlay-keys');
			for (const k of ['Enter', 'Enter']) await page.keyboard.press(k);
			assert.deepEqual(await page.evaluate(() => globalThis.page.board.scene.shapes[0].shape.points), [[250, 200], [270, 200], [270, 220]]);
		}),

	'times': () =>
		withPage(1100, 1060, async (page) => {
			for (const [what, rows, radius] of [['640 × 480', 480, 20], ['1024 × 1024', 1024, 20], ['1024 × 1024', 1024, 100]]) {
				await page.evaluate((r) => globalThis.open(r, r === 480 ? 640 : 1024, 1), rows);
				const ms = await page.evaluate((r) => {
					globalThis.page.use('brush');
					globalThis.page.board.brush = r;
					return globalThis.page.strokes(300);
				}, radius);
				console.log(`      brush of ${radius} on ${what}, 300 moves with their drawing: ${spread(ms)}`);
				const thr = await page.evaluate(() => {
					globalThis.page.use('threshold');
					globalThis.page.board.threshold = [0, 100];
					return globalThis.page.strokes(100);
				});
				console.log(`      threshold brush, the same: ${spread(thr)}`);
			}
			await page.evaluate(() => globalThis.page.use('brush'));
			// Frames as they come: a stroke with one move each animation frame.
			const gaps = await page.evaluate(
				() =>
					new Promise((done) => {
						const { board } = globalThis.page, at = [];
						const send = (type, i) => board.input({ type, point: [512 + 300 * Math.cos(i / 20), 512 + 300 * Math.sin(i / 15)], near: 8, frame: 0, shift: false, alt: false });
						send('down', 0);
						const step = (t) => {
							at.push(t);
							send('move', at.length);
							if (at.length < 180) requestAnimationFrame(step);
							else {
								send('up', at.length);
								done(at.slice(1).map((x, i) => x - at[i]));
							}
						};
						requestAnimationFrame(step);
					}),
			);
			console.log(`      between animation frames of such a stroke on 1024 × 1024: ${spread(gaps)}`);
			for (const fine of [false, true]) {
				const ms = await page.evaluate((f) => {
					const { board, masks, draw } = globalThis.page;
					return Array.from({ length: 20 }, () => {
						const m = masks(f);
						board.put([], m);
						const since = performance.now();
						draw();
						return performance.now() - since;
					});
				}, fine);
				console.log(`      ${fine ? 'a checkered mask' : 'three round masks'} of 1024 × 1024 drawn anew: ${spread(ms)}`);
			}
			const shapes = await page.evaluate(() => {
				const { board, many, draw, view } = globalThis.page;
				board.put([], []);
				many(30);
				return Array.from({ length: 60 }, (_, i) => {
					view.transform = { ...view.transform, e: i };
					const since = performance.now();
					globalThis.page.overlay.draw(board.scene, { ...view });
					return performance.now() - since;
				});
			});
			console.log(`      30 polygons of 40 corners with labels, panned: ${spread(shapes)}`);
		}),
};
