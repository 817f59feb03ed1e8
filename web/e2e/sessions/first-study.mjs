/**
 * docs/how-to/first-blinded-study.md as it stands: its files are written, its commands run, its server serves, and its pages are used where it says so. What
 * was drawn with the mouse is then read out of the exported reports by programs of others, in the same millimetres.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assert, browser, program } from '../lib.mjs';
import { ask } from './coordinator.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const exec = promisify(execFile);

/** The page's parts in order: files to write, commands to run, the server, and what people do in browsers. */
function steps(markdown) {
	const out = [];
	const form = /<!-- (file|browser): (\S+) -->\n(?:```\w*\n([\s\S]*?)```)?|<!-- (serve) -->|<!-- (stop) -->|```sh\n([\s\S]*?)```/g;
	for (const [, what, name, text, serve, stop, commands] of markdown.matchAll(form)) {
		if (what === 'file') out.push({ file: name, text });
		else if (what) out.push({ people: name });
		else if (serve) out.push({ serve: true });
		else if (stop) out.push({ stop: true });
		else out.push({ commands });
	}
	return out;
}

/** Reads all that is ready by the API, as a page would: grades by order, a diameter, and a frame. */
async function readRest(b, grade) {
	for (;;) {
		const { json: tasks } = await ask(b, 'GET', '/api/worklist');
		const t = tasks.find((t) => t.state === 'ready' || t.state === 'draft');
		if (!t) return;
		const id = t.reading ?? (await ask(b, 'POST', '/api/ops', { kind: 'reading.open', object: t.assignment })).json.object;
		const put = (answer) => ask(b, 'POST', '/api/ops', { kind: 'answer.put', data: { reading: id, answer } });
		assert.equal((await put({ item: 'function', choice: [grade(t)], confidence: 70 })).status, 200);
		assert.equal((await put({ item: 'lvidd', image: 1, shapes: [{ kind: 'length', image: 1, frame: 2, points: [[120, 90], [170 + t.order, 100]] }] })).status, 200);
		assert.equal((await ask(b, 'POST', '/api/ops', { kind: 'reading.lock', object: id })).status, 200);
	}
}

/** What was drawn with the mouse: the server's numbers, to be found in the reports. */
const drawn = [];

const people = {
	/** ann reads her first case with mouse and eyes, without and with the model; the rest, and bob's, goes the short way. */
	async read(st) {
		const b = await browser(st, 'ann');
		const p = b.page;
		await p.getByRole('link', { name: 'Start next case' }).click();
		await p.locator('[data-pane="0"][data-shown=true]').waitFor();
		assert.ok(!/with ai|agree/i.test(await p.locator('main').innerText()), 'nothing of a model in an unaided reading');
		const card = (item) => p.locator(`[data-item=${item}]`);
		await card('function').getByText('mildly reduced').click();
		await card('lvidd').getByRole('button', { name: 'Draw length' }).click();
		const box = await p.locator('[data-pane="0"]').boundingBox();
		const s = Math.min(box.width / 320, box.height / 240);
		const at = (x, y) => [box.x + box.width / 2 + (x - 160) * s, box.y + box.height / 2 + (y - 120) * s];
		await p.mouse.move(...at(130, 110));
		await p.mouse.down();
		await p.mouse.move(...at(190, 120), { steps: 6 });
		await p.mouse.up();
		await p.locator('[data-saved=saved]').waitFor();
		const { json: tasks } = await ask(b, 'GET', '/api/worklist');
		const { json: reading } = await ask(b, 'GET', `/api/readings/${tasks.find((t) => t.assignment === p.url().split('/').at(-1)).reading}`);
		const a = reading.answers.find((a) => a.item === 'lvidd');
		assert.equal(a.unit, 'mm');
		drawn.push({ item: 'lvidd', value: a.value, unit: 'mm' });
		await b.looksRight('the first reading');
		await b.shot('first-reader');
		await p.getByRole('button', { name: 'Lock reading' }).click();
		await p.getByRole('dialog').getByRole('button', { name: 'Lock and go on' }).click();
		await p.getByRole('heading', { name: 'Case 2' }).waitFor();
		await p.locator('[data-pane="0"][data-shown=true]').waitFor();
		await p.getByText('AI', { exact: false }).first().waitFor();
		await b.looksRight('the first reading with the model');
		await b.shot('first-aided');
		await p.goto(st.url + '/');
		await readRest(b, (t) => ['normal', 'mildly reduced', 'reduced'][t.order % 3]);
		const bob = await browser(st, 'bob');
		await readRest(bob, (t) => ['normal', 'reduced'][t.order % 2]);
	},
	async progress(st) {
		const b = await browser(st, 'cora', { scheme: 'light' });
		await b.page.goto(st.url + '/study');
		await b.page.getByRole('heading', { name: 'Readers and cases' }).waitFor();
		assert.ok(!/\b(ann|bob|net)\b/.test(await b.page.locator('main').innerText()), 'no names');
		await b.looksRight('progress');
		await b.shot('first-progress');
	},
	/** cora ends reading, looks at what differs and sends it to dora. */
	async send(st) {
		const b = await browser(st, 'cora', { scheme: 'light' });
		const p = b.page;
		await p.goto(st.url + '/study');
		await p.getByRole('button', { name: 'Begin: adjudication' }).click();
		await p.getByRole('dialog').getByRole('button', { name: 'Begin', exact: true }).click();
		await p.getByText('The study is in its phase “Adjudication”').waitFor();
		await p.getByRole('link', { name: 'Disagreements' }).click();
		await p.getByRole('button', { name: 'Send to adjudication' }).click();
		const send = p.getByRole('dialog', { name: 'Send to adjudication' });
		await send.getByRole('checkbox').first().check();
		await send.getByText(/would be sent/).waitFor();
		await send.getByRole('button', { name: 'Send', exact: true }).click();
		await p.getByText('with an adjudicator').first().waitFor();
		await b.looksRight('what was sent');
	},
	async decide(st) {
		const b = await browser(st, 'dora');
		const p = b.page;
		await p.goto(st.url + '/study/adjudication');
		await p.getByRole('link', { name: /readers differ on/ }).first().click();
		await p.locator('[data-pane="0"][data-shown=true]').waitFor();
		assert.ok(!/\b(ann|bob|net)\b|R-[0-9a-f]{8}/.test(await p.locator('main').innerText()), 'no names and no masks');
		await b.looksRight('a decision');
		await b.shot('first-decide');
		for (const take of await p.getByRole('button', { name: 'Take A' }).all()) await take.click();
		await p.getByText('All saved').waitFor();
		await p.getByRole('button', { name: 'Lock decision' }).click();
		const dialog = p.getByRole('dialog', { name: 'Lock this decision?' });
		await dialog.getByLabel('Reason').fill('The outline of A follows the wall.');
		await dialog.getByRole('button', { name: 'Lock', exact: true }).click();
		await p.getByText('The decision is locked').waitFor();
	},
};

export const tests = {
	'the how-to of a first blinded study, from its pictures to its results': async () => {
		const dir = mkdtempSync(join(tmpdir(), 'cineloop-first-'));
		mkdirSync(join(dir, 'bin'));
		symlinkSync(program, join(dir, 'bin/cineloop'));
		const env = { ...process.env, PATH: `${join(dir, 'bin')}:${process.env.PATH}` };
		const st = { url: '', passwords: {}, browsers: [] };
		let server;
		const stop = () => new Promise((done) => (server && server.exitCode === null ? (server.once('exit', done), server.kill('SIGTERM')) : done()));
		try {
			let ran = 0;
			for (const step of steps(readFileSync(join(root, 'docs/how-to/first-blinded-study.md'), 'utf8'))) {
				if (step.file) writeFileSync(join(dir, step.file), step.text);
				else if (step.commands) {
					await exec('bash', ['-ec', step.commands], { cwd: dir, env, maxBuffer: 16 << 20 }).catch((e) => assert.fail(`${step.commands}\n${e.stderr}`));
					ran++;
				} else if (step.serve) {
					for (const f of readdirSync(dir).filter((f) => f.endsWith('.password'))) st.passwords[f.replace('.password', '')] = readFileSync(join(dir, f), 'utf8').trim();
					server = spawn(program, ['annotate', '--project', 'study', '--listen', '127.0.0.1:0', '--quiet'], { cwd: dir, stdio: ['ignore', 'pipe', 'inherit'] });
					for await (const line of createInterface({ input: server.stdout })) {
						if (/^http/.test(line)) {
							st.url = line.trim().replace(/\/$/, '');
							break;
						}
					}
				} else if (step.stop) {
					for (const b of st.browsers.splice(0)) await b.close();
					await stop();
				} else await people[step.people](st);
			}
			assert.ok(ran >= 6, 'the page has commands');
			assert.match(readFileSync(join(dir, 'truth/cases.csv'), 'utf8'), /adjudicated/);
			writeFileSync(join(dir, 'expected.json'), JSON.stringify(drawn));
			const { stdout } = await exec(join(root, 'scripts/readings'), [join(dir, 'results'), join(dir, 'expected.json')], { maxBuffer: 16 << 20 }).catch((e) => assert.fail(`other readers: ${e.stdout}${e.stderr}`));
			console.log(`      ${drawn[0].value.toFixed(2)} mm, drawn with the mouse: ${stdout.trim().split('\n').at(-1)}`);
		} finally {
			for (const b of st.browsers) await b.close();
			await stop();
			rmSync(dir, { recursive: true, force: true });
		}
	},
};
