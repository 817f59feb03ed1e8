/** A draft that its reader shares, in the reader's own page: who else is there, what they draw at this moment, and who may paint. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, browser, loops, study } from '../lib.mjs';

const protocol = `version: 1
revision: 1
title: Read together
design: {kind: independent, readers: 1}
items:
  - {name: grade, label: Function, kind: ordinal, options: [{name: normal}, {name: reduced}], required: true}
  - {name: diameter, label: Diameter, kind: measurement, shape: length}
  - {name: cavity, label: Cavity, kind: mask}
`;

/** Where an image point of the fitted picture, 320 × 240, is on the screen. */
async function at(page, [x, y]) {
	const b = await page.locator('[data-pane="0"]').boundingBox();
	const s = Math.min(b.width / 320, b.height / 240);
	return [b.x + b.width / 2 + (x - 160) * s, b.y + b.height / 2 + (y - 120) * s];
}

export const tests = {
	'two readers are in one draft: each sees the other, a line while it is drawn, and one paints at a time': async () => {
		const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
		const files = await loops(data, { patients: 2, frames: 8 });
		const st = await study({ protocol, members: { cora: ['coordinator'], ann: ['reader'], bob: ['reader'] }, cases: files.map((f) => [f]) });
		try {
			const [a, b] = [await browser(st, 'ann'), await browser(st, 'bob', { scheme: 'light' })];
			await a.page.getByRole('link', { name: 'Start next case' }).click();
			await a.page.locator('[data-pane="0"][data-shown=true]').waitFor();
			assert.equal(await b.page.getByText('Shared with you').count(), 0, 'drafts are private');
			await a.page.getByText('Comments', { exact: true }).click();
			await a.page.getByLabel('Share this draft with').fill('bob');
			await a.page.getByRole('button', { name: 'Share', exact: true }).click();
			await a.page.getByText('Shared with bob.').waitFor();
			await a.page.getByText('Answers', { exact: true }).first().click();

			// bob finds it in his worklist, and each sees that the other is there.
			await b.page.getByRole('link', { name: 'A case of ann' }).click();
			await b.page.locator('[data-pane="0"][data-shown=true]').waitFor();
			await a.page.getByLabel('Also in this reading').getByText('bob').waitFor();
			await b.page.getByLabel('Also in this reading').getByText('ann').waitFor();
			assert.equal(await b.page.getByRole('button', { name: 'Lock reading' }).count(), 0, 'it stays ann’s to lock');

			// A line is seen while it is drawn, and is there when it is done.
			await a.page.locator('[data-item=diameter]').getByRole('button', { name: 'Draw length' }).click();
			await a.page.mouse.move(...(await at(a.page, [100, 100])));
			await a.page.mouse.down();
			await a.page.mouse.move(...(await at(a.page, [180, 130])), { steps: 8 });
			await b.page.locator('[data-pane="0"] svg [data-shape]').first().waitFor();
			assert.equal(await b.page.locator('[data-item=diameter] output').count(), 0, 'nothing is kept yet');
			await b.shot('shared-live');
			await a.page.mouse.up();
			await b.page.locator('[data-item=diameter] output').waitFor();
			assert.equal(await b.page.locator('[data-item=diameter] output').textContent(), await a.page.locator('[data-item=diameter] output').textContent(), 'the same millimetres');

			// ann paints: bob is told by whom, and his stroke does not begin.
			await a.page.locator('[data-item=cavity]').getByRole('button', { name: 'Brush' }).first().click();
			const stroke = async (p, from, to) => {
				await p.mouse.move(...(await at(p, from)));
				await p.mouse.down();
				await p.mouse.move(...(await at(p, to)), { steps: 6 });
				await p.mouse.up();
			};
			// Masks lie on a canvas of the image's size over the picture's.
			const painted = () =>
				[...document.querySelectorAll('[data-pane="0"] canvas')].some((c) => c.width === 320 && c.height === 240 && c.getContext('2d').getImageData(0, 0, 320, 240).data.some((v, i) => i % 4 === 3 && v));
			assert.equal(await b.page.evaluate(painted), false, 'nothing is painted yet');
			await a.page.mouse.move(...(await at(a.page, [150, 150])));
			await a.page.mouse.down();
			await a.page.mouse.move(...(await at(a.page, [180, 150])), { steps: 6 });
			await b.page.waitForFunction(painted);
			assert.equal(await b.page.locator('[data-item=cavity] output').count(), 0, 'the stroke is seen before it is kept');
			await b.shot('shared-stroke');
			await a.page.mouse.up();
			await a.page.locator('[data-saved=saved]').waitFor();
			await b.page.getByText(/paints cavity/).waitFor();
			await b.page.locator('[data-item=cavity] output').waitFor();
			const area = await b.page.locator('[data-item=cavity] output').textContent();
			await b.page.locator('[data-item=cavity]').getByRole('button', { name: 'Brush' }).first().click();
			await stroke(b.page, [100, 150], [140, 150]);
			await b.page.getByText('ann is painting this mask.').waitFor();
			assert.equal(await b.page.locator('[data-item=cavity] output').textContent(), area, 'his stroke is none');
			await a.looksRight('a shared draft');
			await b.looksRight('a shared draft as the other sees it');
			await b.shot('shared-paint');

			// When ann has gone, he may.
			await a.page.getByRole('link', { name: /Worklist/ }).first().click();
			await b.page.getByText(/paints cavity/).waitFor({ state: 'detached' });
			await stroke(b.page, [100, 150], [140, 150]);
			await b.page.waitForFunction((was) => document.querySelector('[data-item=cavity] output')?.textContent !== was, area);
		} finally {
			await st.close();
			rmSync(data, { recursive: true, force: true });
		}
	},
};
