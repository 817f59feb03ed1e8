/** An adjudicator decides what two readers drew and said differently: by eye, by taking one side, by drawing, by keyboard alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, browser, loops, study } from '../lib.mjs';
import { ask, readAll } from './coordinator.mjs';

const protocol = `version: 1
revision: 1
title: Function and diameter, read twice
design: {kind: independent, readers: 2}
adjudication: {method: third, see_reads: true}
items:
  - {name: function, label: Left ventricular function, kind: ordinal, options: [{name: normal}, {name: mildly reduced}, {name: reduced}], positive: [reduced], required: true, confidence: true, disagreement: {metric: steps, limit: 0}}
  - {name: diameter, label: Diameter at end of diastole, kind: measurement, shape: length, disagreement: {metric: difference, limit: 2}}
  - {name: cavity, label: Cavity, kind: mask, disagreement: {metric: dice, limit: 0.9}}
`;

/** A disc as runs, pixels of a picture. */
function disc(rows, columns, x, y, r) {
	const runs = [];
	let run = 0, on = false;
	for (let j = 0; j < rows; j++) {
		for (let i = 0; i < columns; i++) {
			const is = (i - x) ** 2 + (j - y) ** 2 < r * r;
			if (is !== on) {
				runs.push(run);
				run = 0;
				on = is;
			}
			run++;
		}
	}
	runs.push(run);
	return { rows, columns, runs };
}

export const tests = {
	'what readers drew differently is decided on the pictures': async () => {
		const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
		const files = await loops(data, { patients: 2, frames: 12 });
		const st = await study({ protocol, members: { cora: ['coordinator'], ann: ['reader'], bob: ['reader'], dora: ['adjudicator'] }, cases: files.slice(0, 2).map((f) => [f]) });
		try {
			for (const [who, dx, choice] of [['ann', 0, 'normal'], ['bob', 40, 'reduced']]) {
				const b = await browser(st, who);
				await readAll(b, () => [
					{ item: 'function', choice: [choice], confidence: 70 },
					{ item: 'diameter', image: 1, shapes: [{ image: 1, kind: 'length', frame: 0, points: [[120 + dx / 2, 120], [200 + dx, 130 + dx / 4]] }] },
					{ item: 'cavity', image: 1, frame: 0, mask: disc(240, 320, 150 + dx, 120, 40) },
				]);
				await b.page.context().browser().close();
			}
			const cora = await browser(st, 'cora');
			await ask(cora, 'POST', '/api/ops', { kind: 'phase.set', data: { phase: 'adjudication' } });
			const { json: o } = await ask(cora, 'GET', '/api/study');
			const dora = o.readers.find((r) => r.decides).reader;
			const { json: sent } = await ask(cora, 'POST', '/api/adjudication', { to: [dora] });
			assert.equal(sent.cases, 2);

			const b = await browser(st, 'dora');
			const p = b.page;
			await p.getByRole('link', { name: 'Study', exact: true }).click();
			await p.getByText('2 of 2 to be decided').waitFor();
			await b.looksRight('the decisions');
			await b.shot('decide-list');
			await p.getByRole('link', { name: /readers differ on/ }).first().click();
			const cards = p.locator('[data-decide]');
			await cards.first().waitFor();
			await p.locator('[data-pane="0"][data-shown=true]').waitFor();
			assert.equal(await cards.count(), 3);
			assert.ok(!/\b(ann|bob)\b|R-[0-9a-f]{8}/.test(await p.locator('main').innerText()), 'no name and no mask');
			// Both readers' lines and masks, in different colours and different dashes.
			const strokes = await p.locator('[data-pane="0"] svg path[data-shape]').evaluateAll((all) => all.map((e) => `${e.getAttribute('stroke')} ${e.getAttribute('stroke-dasharray')}`));
			assert.ok(new Set(strokes.filter((s) => !s.startsWith('#000'))).size >= 2, `told apart: ${strokes}`);
			await b.looksRight('a decision');
			await b.shot('decide');

			// One is hidden and shown again; side by side each has a picture.
			const drawn = () => p.locator('[data-pane="0"] svg path[data-shape]').count();
			const both = await drawn();
			await p.getByRole('group', { name: 'Whose drawings are shown' }).getByRole('button', { name: 'A', exact: true }).click();
			await p.waitForFunction((n) => document.querySelectorAll('[data-pane="0"] svg path[data-shape]').length < n, both);
			await p.getByRole('group', { name: 'Whose drawings are shown' }).getByRole('button', { name: 'A', exact: true }).click();
			await p.waitForFunction((n) => document.querySelectorAll('[data-pane="0"] svg path[data-shape]').length === n, both);
			await p.getByRole('button', { name: 'Side by side' }).click();
			await p.locator('[data-pane="1"][data-shown=true]').waitFor();
			await b.looksRight('a decision side by side');
			await b.shot('decide-beside');
			await p.getByRole('button', { name: 'Side by side' }).click();

			// B's label, A's line, and a mask of neither: A's is taken and counts as one's own.
			await p.locator('[data-decide=function]').getByRole('button', { name: 'Take B' }).click();
			await p.locator('[data-decide=diameter]').getByRole('button', { name: 'Take A' }).click();
			await p.locator('[data-decide=cavity]').getByRole('button', { name: 'Take A' }).click();
			await p.getByText('All saved').waitFor();
			await p.getByRole('button', { name: 'Lock decision' }).click();
			const dialog = p.getByRole('dialog', { name: 'Lock this decision?' });
			assert.ok(await dialog.getByRole('button', { name: 'Lock' }).isDisabled(), 'not without a reason');
			await dialog.getByLabel('Reason').fill('The apex is foreshortened for B; the border is A’s.');
			await b.looksRight('the lock of a decision');
			await b.shot('decide-lock');
			await dialog.getByRole('button', { name: 'Lock', exact: true }).click();
			await p.getByText('The decision is locked').waitFor();

			// The second one by keyboard alone: take, reason, lock.
			await p.waitForURL(/\/decide\//);
			await p.locator('[data-decide=function]').waitFor();
			const press = async (name, key = 'Enter') => {
				for (let i = 0; i < 120; i++) {
					await p.keyboard.press('Tab');
					const here = await p.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim() ?? '');
					if (here === name) {
						if (key) await p.keyboard.press(key);
						return;
					}
				}
				throw new Error(`Tab does not come to ${name}`);
			};
			await press('Take A');
			await p.getByText('All saved').waitFor();
			await press('Lock decision');
			await dialog.waitFor();
			for (let i = 0; i < 12 && (await p.evaluate(() => document.activeElement?.tagName)) !== 'TEXTAREA'; i++) await p.keyboard.press('Tab');
			await p.keyboard.type('A is right.');
			await press('Lock');
			await p.getByText('Everything is decided.').waitFor();
			await b.looksRight('everything decided');

			// The results are readings that say what they come from; the queue has nothing open of function.
			const { json: q } = await ask(cora, 'POST', '/api/agreement/queue', { limits: [] });
			assert.ok(q.queue.filter((d) => d.item === 'function').every((d) => d.decided));
			for (const [size, scheme, touch] of [[[1440, 900], 'light', false], [[390, 844], 'dark', true], [[390, 844], 'light', true]]) {
				const c = await browser(st, 'dora', { size, scheme, touch });
				await c.page.goto(st.url + '/study/adjudication');
				await c.page.getByRole('link', { name: /readers differ on/ }).first().click();
				await c.page.locator('[data-pane="0"][data-shown=true]').waitFor();
				await c.looksRight(`a decision that is locked ${size[0]} ${scheme}`);
				await c.shot('decide-locked');
				await c.page.context().browser().close();
			}
		} finally {
			await st.close();
			rmSync(data, { recursive: true, force: true });
		}
	},
};
