/** Time in a loop: a line, its picture over time, a caliper in there; the number is the server's. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, browser, loops, study } from '../lib.mjs';

const protocol = `version: 1
revision: 1
title: Motion of the annulus
design: {kind: panel}
items:
  - {name: excursion, label: Excursion, kind: measurement, shape: caliper, value: depth, required: true}
`;

const api = (page, path) => page.evaluate(async (p) => (await fetch(p)).json(), path);

export const tests = {
	'a caliper through a loop has the time between its frames, and the distance of its points': async () => {
		const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
		const st = await study({ protocol, members: { cora: ['coordinator'], ann: ['reader'] }, cases: [await loops(data, { patients: 1, frames: 24 })] });
		try {
			const b = await browser(st, 'ann', { size: [1100, 900] });
			const { page } = b;
			await page.getByRole('link', { name: 'Start next case' }).click();
			await page.locator('[data-shown=true]').waitFor();
			await page.getByRole('button', { name: 'M-mode of the loop' }).click();
			const drag = async (where, from, to) => {
				const box = await page.locator(`[data-mmode=${where}]`).boundingBox();
				const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
				await page.mouse.move(...at(from));
				await page.mouse.down();
				await page.mouse.move(...at(to), { steps: 5 });
				await page.mouse.up();
			};
			await drag('loop', [0.5, 0.2], [0.5, 0.9]);
			await page.locator('[data-mmode=strip][data-here="24"]').waitFor();
			await drag('strip', [0.25, 0.6], [0.75, 0.3]);
			await page.locator('[data-saved=saved]').waitFor();
			await page.waitForFunction(() => /mm/.test(document.querySelector('[data-mmode=strip] [data-part=label]')?.textContent ?? ''));
			await b.looksRight('the M-mode');
			await b.shot('mmode');
			const id = page.url().split('/').at(-1);
			const [task] = await api(page, '/api/worklist');
			const [a] = (await api(page, `/api/readings/${task.reading}`)).answers;
			const [s] = a.shapes, [im] = (await api(page, `/api/cases/${id}`)).images;
			assert.equal(s.kind, 'caliper');
			assert.ok(s.frame < s.to && s.to < 24, `frames ${s.frame} to ${s.to}`);
			const value = Object.fromEntries(a.results[0].values.map((v) => [v.name, v.number]));
			assert.ok(Math.abs(value.time - (im.times_ms[s.to] - im.times_ms[s.frame])) < 1e-6, `${value.time} ms`);
			// Half of the picture is half of the loop's time, to a frame.
			const all = (im.times_ms[23] - im.times_ms[0]) * (24 / 23);
			assert.ok(Math.abs(value.time - all / 2) <= all / 24 + 1e-6, `${value.time} of ${all} ms`);
			const [known] = await page.evaluate(
				async ([id, shapes]) => (await (await fetch(`/api/cases/${id}/measure`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ shapes }) })).json()).results,
				[id, [{ kind: 'length', image: 1, frame: s.frame, points: s.points }]],
			);
			assert.ok(Math.abs(value.depth - known.values[0].number) < 1e-9, `${value.depth} mm, as a length ${known.values[0].number}`);
			assert.equal(a.value, value.depth);
		} finally {
			await st.close();
			rmSync(data, { recursive: true, force: true });
		}
	},
};
