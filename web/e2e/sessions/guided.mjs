/** Diameters and traces in their order, each when the one before is drawn. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, browser, loops, study } from '../lib.mjs';

const protocol = `version: 1
revision: 1
title: Left ventricle
design: {kind: panel}
items:
  - {name: ivsd, label: IVSd, kind: measurement, shape: length, required: true}
  - {name: lvidd, label: LVIDd, kind: measurement, shape: length, required: true}
  - {name: lvids, label: LVIDs, kind: measurement, shape: length, cannot_assess: [not seen]}
  - {name: lvef, label: Ejection fraction, kind: ejection}
`;

const wall = (cx, base, half, length) => Array.from({ length: 25 }, (_, i) => [cx - half * Math.cos((Math.PI * i) / 24), base - length * Math.sin((Math.PI * i) / 24)]);

export const tests = {
	'what is next says itself, from diameters to a fraction': async () => {
		const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
		const st = await study({ protocol, members: { cora: ['coordinator'], ann: ['reader'] }, cases: [await loops(data, { patients: 1, frames: 12 })] });
		try {
			const b = await browser(st, 'ann');
			const { page } = b;
			await page.getByRole('link', { name: 'Start next case' }).click();
			await page.locator('[data-shown=true]').waitFor();
			const step = async (name, points) => {
				await page.locator(`[data-next=${name}]`).getByRole('button', { name: 'Draw' }).click();
				const box = await page.locator('[data-pane="0"]').boundingBox(), s = Math.min(box.width / 320, box.height / 240);
				const at = ([x, y]) => [box.x + box.width / 2 + (x - 160) * s, box.y + box.height / 2 + (y - 120) * s];
				await page.mouse.move(...at(points[0]));
				await page.mouse.down();
				for (const p of points.slice(1)) await page.mouse.move(...at(p), { steps: 3 });
				await page.mouse.up();
			};
			assert.match(await page.locator('[data-next]').innerText(), /IVSd: septum/);
			await step('ivsd', [[100, 60], [100, 80]]);
			await step('lvidd', [[100, 80], [100, 150]]);
			await page.locator('[data-next=lvids]').waitFor();
			await b.shot('guided');
			await step('lvids', [[130, 85], [130, 140]]);
			await step('a4c_ed', wall(160, 180, 40, 110));
			await page.keyboard.press('ArrowRight');
			await step('a4c_es', wall(160, 180, 32, 96));
			// One view is complete; the other one may follow.
			await page.locator('[data-next=a2c_ed]').waitFor();
			await page.locator('[data-saved=saved]').waitFor();
			await page.locator('[data-item=lvef] output').first().waitFor();
			await b.looksRight('the guide');
			const [task] = await page.evaluate(async () => (await fetch('/api/worklist')).json());
			const { answers } = await page.evaluate(async (p) => (await fetch(p)).json(), `/api/readings/${task.reading}`);
			assert.deepEqual(answers.map((a) => a.item).sort(), ['ivsd', 'lvef', 'lvidd', 'lvids']);
			// A diameter that begins where the one before ended is a new one: nothing was moved.
			const of = (n) => answers.find((a) => a.item === n).shapes[0].points.map((p) => p.map(Math.round));
			assert.deepEqual([of('ivsd'), of('lvidd')], [[[100, 60], [100, 80]], [[100, 80], [100, 150]]]);
		} finally {
			await st.close();
			rmSync(data, { recursive: true, force: true });
		}
	},
};
