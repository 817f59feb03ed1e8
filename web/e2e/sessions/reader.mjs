/** A reader's day: from the worklist to the lock, with the mouse, and once with the keyboard alone. Numbers are asserted from the server's API. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, browser, cineloop, loops, study } from '../lib.mjs';
import { wire } from '../wire.mjs';

const protocol = `version: 1
revision: 1
title: Left ventricle
design: {kind: panel}
items:
  - {name: grade, label: Left ventricular function, kind: ordinal, options: [{name: normal}, {name: mildly reduced}, {name: reduced}], required: true, confidence: true}
  - {name: quality, label: Quality of the picture, kind: choice, scope: image, options: [{name: good}, {name: poor}], cannot_assess: [nothing is seen]}
  - {name: diameter, label: Diameter at end of diastole, kind: measurement, shape: length, required: true}
  - {name: lvef, label: Ejection fraction from traces, kind: ejection}
  - {name: cavity, label: Cavity, kind: mask}
  - {name: es, label: Frame at end of systole, kind: frame}
  - {name: rate, label: Heart rate, kind: number, unit: /min, min: 20, max: 250}
`;

/** A study of two loops for ann, over a wire that can be cut. */
async function begin(frames = 16) {
	const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
	const files = await loops(data, { patients: 2, frames });
	const st = await study({ protocol, members: { cora: ['coordinator'], ann: ['reader'] }, cases: files.map((f) => [f]) });
	const line = await wire(st.url);
	st.url = line.url;
	return { st, line, async end() { await st.close(); await line.close(); rmSync(data, { recursive: true, force: true }); } };
}

/** JSON of the API, with the page's session. */
const api = (page, path) => page.evaluate(async (p) => (await fetch(p)).json(), path);

/** The reading of the case that is open, as the server has it. */
async function reading(page) {
	const id = page.url().split('/').at(-1);
	const task = (await api(page, '/api/worklist')).find((t) => t.assignment === id);
	return api(page, `/api/readings/${task.reading}`);
}

const answers = async (page, item) => (await reading(page)).answers.filter((a) => a.item === item);
const saved = (page) => page.locator('[data-saved=saved]').waitFor();
const card = (page, item) => page.locator(`[data-item=${item}]`);

/** Where an image point of the fitted picture is on the screen, by what the canvas is: 320 × 240, square pixels. */
async function at(page, [x, y]) {
	const b = await page.locator('[data-pane="0"]').boundingBox();
	const s = Math.min(b.width / 320, b.height / 240);
	return [b.x + b.width / 2 + (x - 160) * s, b.y + b.height / 2 + (y - 120) * s];
}

async function drag(page, points) {
	const p = [];
	for (const q of points) p.push(await at(page, q));
	await page.mouse.move(...p[0]);
	await page.mouse.down();
	for (const q of p.slice(1)) await page.mouse.move(...q, { steps: 4 });
	await page.mouse.up();
}

/** Half an ellipse from one side of the valve round the apex to the other, image points. */
const wall = (cx, base, half, length) =>
	Array.from({ length: 25 }, (_, i) => [cx - half * Math.cos((Math.PI * i) / 24), base - length * Math.sin((Math.PI * i) / 24)]);

/** What the server makes of a shape. */
const measured = (page, shapes) =>
	page.evaluate(
		async ([id, shapes]) => (await (await fetch(`/api/cases/${id}/measure`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ shapes }) })).json()).results,
		[page.url().split('/').at(-1), shapes],
	);

const near = (a, b, by, what) => assert.ok(Math.abs(a - b) <= by, `${what}: ${a}, not ${b} ± ${by}`);

export const tests = {
	'a case is read with the mouse, also without a connection for a while, and locked': async () => {
		const { st, line, end } = await begin();
		try {
			const b = await browser(st, 'ann');
			const { page } = b;
			await page.getByRole('link', { name: 'Start next case' }).click();
			await page.locator('[data-shown=true]').waitFor();
			await b.looksRight('the case');
			await b.shot('case');

			// Plays, stops; the window of a grey picture follows the right button.
			await page.getByRole('button', { name: 'Play' }).click();
			await page.waitForFunction(() => document.querySelector('[data-pane="0"]').dataset.frame > 2);
			await page.getByRole('button', { name: 'Pause' }).click();
			await page.keyboard.press('Home');
			await page.locator('[data-frame="0"]').waitFor();
			await page.keyboard.press('i');
			await page.locator('button[aria-label^=Invert][aria-pressed=true]').waitFor();
			await page.keyboard.press('i');

			// A known length: 100 pixels along a row, 60 along a column. The millimetres are the server's.
			const [known] = await measured(page, [{ kind: 'length', image: 1, frame: 0, points: [[100, 80], [200, 80]] }]);
			await card(page, 'diameter').getByRole('button', { name: 'Draw length' }).click();
			await drag(page, [[100, 80], [200, 80]]);
			await saved(page);
			let [a] = await answers(page, 'diameter');
			assert.equal(a.unit, 'mm');
			assert.deepEqual(a.value, a.results[0].values[0].number);
			near(a.value, known.values[0].number, 0.01 * known.values[0].number, 'the length in mm');
			await page.waitForFunction((text) => document.querySelector('[data-item=diameter] output')?.textContent === text, `${a.value.toFixed(1)} mm`);

			// Undone, and done again.
			await page.keyboard.press('Control+z');
			await page.waitForFunction(() => !document.querySelector('[data-item=diameter] output'));
			await page.keyboard.press('Control+Shift+z');
			await saved(page);
			[a] = await answers(page, 'diameter');
			near(a.value, known.values[0].number, 0.01 * known.values[0].number, 'the length after redo');

			// Traces of both times give a fraction, which the server computes.
			await card(page, 'lvef').getByRole('button', { name: /^A4C ED/ }).click();
			await drag(page, wall(160, 180, 40, 110));
			await card(page, 'lvef').getByText('Not saved yet').waitFor();
			for (let i = 0; i < 8; i++) await page.keyboard.press('ArrowRight');
			await page.locator('[data-frame="8"]').waitFor();
			await card(page, 'lvef').getByRole('button', { name: /^A4C ES/ }).click();
			await drag(page, wall(160, 180, 32, 96));
			await saved(page);
			[a] = await answers(page, 'lvef');
			assert.deepEqual(a.shapes.map((s) => s.role), ['a4c_ed', 'a4c_es']);
			// Half ellipsoids: volumes go as half² × length.
			near(a.value, 100 * (1 - (32 / 40) ** 2 * (96 / 110)), 3, 'the ejection fraction');
			assert.equal(a.unit, '%');

			// A mask by brush, with its area.
			await card(page, 'cavity').getByRole('button', { name: 'Brush', exact: false }).first().click();
			await drag(page, [[140, 140], [180, 140]]);
			await saved(page);
			[a] = await answers(page, 'cavity');
			assert.ok(a.value > 0 && a.unit === 'mm2', 'the mask has an area in mm²');
			await b.shot('drawn');

			// A choice with confidence, and what cannot be assessed.
			await card(page, 'grade').getByText('mildly reduced').click();
			await card(page, 'grade').getByRole('slider').fill('80');
			await card(page, 'quality').getByRole('combobox').selectOption('nothing is seen');
			await saved(page);
			[a] = await answers(page, 'grade');
			assert.deepEqual([a.choice, a.confidence], [['mildly reduced'], 80]);
			assert.equal((await answers(page, 'quality'))[0].cannot_assess, 'nothing is seen');

			// What the protocol does not allow is said beside the field and is not sent.
			await card(page, 'rate').getByRole('textbox').fill('900');
			await card(page, 'rate').getByText('20 to 250 per minute').waitFor();
			await page.getByText('20 to 250 per minute').waitFor();

			// Without a connection for a moment: kept here, sent later.
			line.cut();
			await card(page, 'rate').getByRole('textbox').fill('72');
			await page.locator('[data-saved=waiting]').waitFor();
			await b.shot('offline');
			line.mend();
			await saved(page);
			assert.equal((await answers(page, 'rate'))[0].value, 72);
			b.findings.length = 0; // what the browser said of the connection

			// Everything is there after a reload.
			await page.reload();
			await page.locator('[data-shown=true]').waitFor();
			await card(page, 'rate').getByRole('textbox').waitFor();
			assert.equal(await card(page, 'rate').getByRole('textbox').inputValue(), '72');
			await b.looksRight('the case with answers');

			// Locked: listed, said, final; then the next one.
			const id = page.url().split('/').at(-1);
			await page.getByRole('button', { name: 'Lock reading' }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByText('cannot be changed').waitFor();
			await b.looksRight('the dialog');
			await b.shot('lock');
			await dialog.getByRole('button', { name: 'Lock and go on' }).click();
			await page.waitForURL((u) => u.pathname.startsWith('/cases/') && !u.pathname.endsWith(id));
			await page.getByRole('heading', { name: 'Case 2' }).waitFor();
			const tasks = await api(page, '/api/worklist');
			assert.equal(tasks.find((t) => t.assignment === id).state, 'locked');
			const locked = await api(page, `/api/readings/${tasks.find((t) => t.assignment === id).reading}`);
			assert.ok(locked.locked && locked.seconds > 0, 'the time in focus is kept');

			// The locked one is shown and cannot be changed.
			await page.goto(`${st.url}/cases/${id}`);
			await page.getByText('This reading is locked').waitFor();
			assert.equal(await page.getByRole('button', { name: /^Draw/ }).count(), 0);
			await b.looksRight('the locked case');
			await b.shot('locked');
		} finally {
			await end();
		}
	},

	'a case is read with the keyboard alone': async () => {
		const { st, end } = await begin(8);
		try {
			const b = await browser(st, 'ann', { scheme: 'light' });
			const { page } = b;
			const press = async (...keys) => {
				for (const k of keys) await page.keyboard.press(k);
			};
			await page.getByRole('link', { name: 'Start next case' }).waitFor();
			await press('Enter');
			await page.locator('[data-shown=true]').waitFor();
			await press('?');
			await page.getByRole('dialog').getByText('Play or pause').waitFor();
			await b.looksRight('the shortcuts');
			await b.shot('shortcuts');
			await press('Escape');
			await press('2'); // the first item's second option
			await saved(page);
			await press('n', '1', 'n', 'd'); // quality good; then the diameter's tool
			await page.locator('[data-pane="0"]:focus').waitFor();
			// The cross begins in the middle; 30 pixels to the left, a point, 60 to the right, a point.
			await press('Space', ...Array(3).fill('Shift+ArrowLeft'), 'Space', ...Array(6).fill('Shift+ArrowRight'), 'Space');
			await saved(page);
			const [a] = await answers(page, 'diameter');
			const [known] = await measured(page, [{ kind: 'length', image: 1, frame: 0, points: [[130, 120], [190, 120]] }]);
			near(a.value, known.values[0].number, 1e-9, 'the length in mm');
			await press('v', 'n', 'n', 'n', 'd'); // the frame at end of systole
			await saved(page);
			await press('ArrowRight', 'ArrowRight');
			await page.locator('[data-frame="2"]').waitFor(); // one takes what one sees
			await press('d');
			await page.waitForFunction(() => document.querySelector('[data-item=es]').textContent.includes('Frame 3 is taken'));
			await saved(page);
			assert.equal((await answers(page, 'es'))[0].value, 2);
			await press('Control+Enter');
			await page.getByRole('dialog').getByText('cannot be changed').waitFor();
			await page.getByRole('button', { name: 'Lock and go on' }).focus();
			await press('Enter');
			await page.getByRole('heading', { name: 'Case 2' }).waitFor();
			assert.deepEqual(b.findings, []);
		} finally {
			await end();
		}
	},

	'on a telephone: the sheet, fingers, and nothing cut off': async () => {
		const { st, end } = await begin(8);
		try {
			for (const scheme of ['light', 'dark']) {
				const b = await browser(st, 'ann', { size: [390, 844], scheme, touch: true });
				const { page } = b;
				await b.shot('phone-worklist');
				await page.getByRole('link', { name: /Start next case|Continue/ }).tap();
				await page.locator('[data-shown=true]').waitFor();
				await b.looksRight('the case on a telephone');
				await b.shot('phone-case');
				await page.getByRole('button', { name: /of 7 answered/ }).first().tap();
				await b.shot('phone-picture');
				await page.getByRole('button', { name: /of 7 answered/ }).first().tap();
				await card(page, 'grade').getByText('normal').tap();
				await saved(page);
				await page.getByRole('button', { name: 'Lock reading' }).tap();
				await page.getByRole('dialog').getByRole('button', { name: 'Diameter at end of diastole' }).waitFor();
				await b.looksRight('what is missing, on a telephone');
				await b.shot('phone-missing');
				await page.getByRole('dialog').getByRole('button', { name: 'Diameter at end of diastole' }).tap();
				await page.locator('[data-item=diameter].current').waitFor();
			}
		} finally {
			await end();
		}
	},

	'with AI: nothing of it before the lock, then agreeing and changing take one press each': async () => {
		const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
		const files = await loops(data, { patients: 1, frames: 8 });
		const yaml = `version: 1
revision: 1
title: With and without AI
design: {kind: sequential, ai: net}
items:
  - {name: grade, label: Function, kind: ordinal, options: [{name: normal}, {name: reduced}], required: true}
  - {name: diameter, label: Diameter, kind: measurement, shape: length}
  - {name: rate, label: Heart rate, kind: number, unit: /min}
  - {name: maker, label: "Who read it?", kind: origin}
`;
		const st = await study({ protocol: yaml, members: { cora: ['coordinator'], ann: ['reader'] }, cases: files.map((f) => [f]), assign: false, phase: '' });
		try {
			await st.stop();
			await cineloop('annotate', 'member', st.dir, 'net', '--role', 'service', '--model', 'lvnet 1.2', '--as', 'eve');
			await cineloop('annotate', 'assign', st.dir, '--as', 'cora');
			await cineloop('annotate', 'phase', st.dir, 'reading', '--as', 'cora');
			const table = join(data, 'ai.csv');
			writeFileSync(table, `file,item,image,choice,value,points\n${files[0]},grade,,reduced,,\n${files[0]},rate,,,88,\n${files[0]},diameter,1,,,"[[120,90],[190,95]]"\n`);
			await cineloop('annotate', 'import', st.dir, table, '--as', 'net', '--lock');
			await st.start();
			const b = await browser(st, 'ann');
			const { page } = b;
			const bodies = [];
			page.on('response', async (r) => r.url().includes('/api/') && !r.url().includes('/frames/') && !r.url().includes('/events') && bodies.push(await r.text().catch(() => '')));
			await page.getByRole('link', { name: 'Start next case' }).click();
			await page.locator('[data-shown=true]').waitFor();
			assert.equal(await card(page, 'maker').count(), 0, 'where it comes from is asked when something was shown');
			await card(page, 'grade').getByText('normal').click();
			await saved(page);
			assert.ok(!bodies.some((t) => t.includes('"beside"') || /"(number|value)":88\b/.test(t)), 'nothing of the model before the lock');
			await page.keyboard.press('Control+Enter');
			await page.getByRole('button', { name: 'Lock and go on' }).click();
			await page.getByText('With AI').waitFor();
			await page.locator('[data-shown=true]').waitFor();
			await b.looksRight('the aided reading');
			await b.shot('aided');
			assert.equal(await page.locator('[data-item] input:checked').count(), 0, 'nothing is chosen for the reader');
			await card(page, 'diameter').getByRole('button', { name: 'Agree' }).click();
			await card(page, 'rate').getByRole('button', { name: 'Agree' }).click();
			await card(page, 'grade').getByText('reduced').click();
			await card(page, 'maker').getByRole('radio').first().click();
			await saved(page);
			const r = await reading(page);
			const ai = r.beside[0].answers;
			for (const name of ['diameter', 'rate', 'grade']) {
				const [mine, theirs] = [r.answers, ai].map((all) => all.find((x) => x.item === name));
				assert.deepEqual([mine.value, mine.choice, mine.shapes], [theirs.value, theirs.choice, theirs.shapes], name);
			}
			assert.deepEqual(r.answers.find((x) => x.item === 'maker').choice, ['ai']);
			await b.looksRight('the aided reading, answered');
		} finally {
			await st.close();
			rmSync(data, { recursive: true, force: true });
		}
	},
};
