/** Two readers on one shared reading: who is there, what they draw and paint, comments, conflicts, no connection, no socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build } from 'vite';
import { assert, browser, loops, study } from '../lib.mjs';

const protocol = `version: 1
revision: 1
title: Together
design: {kind: independent, readers: 1}
items:
  - {name: note, label: Note, kind: text}
  - {name: lv, label: Left ventricle, kind: mask, scope: frame}
`;
const web = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** The pieces as one script and one style, for a page that the server does not have. */
async function pieces() {
	const out = await build({
		root: web, configFile: false, logLevel: 'error', plugins: [svelte({ configFile: false })],
		build: { write: false, lib: { entry: join(web, 'e2e/parts/team.ts'), formats: ['es'], fileName: 'team' } },
	});
	const files = out.flatMap?.((o) => o.output) ?? out.output;
	const text = (end) => files.filter((f) => f.fileName.endsWith(end)).map((f) => f.code ?? f.source).join('\n');
	return { js: text('js'), css: text('css') };
}

/** Puts them in place of the app, on a page that is the server's: its policy for content holds, and a browser knows that it is on this machine. */
async function part(b, st, made) {
	await b.page.route(st.url + '/team.js', (r) => r.fulfill({ contentType: 'text/javascript', body: made.js }));
	await b.page.route(st.url + '/team.css', (r) => r.fulfill({ contentType: 'text/css', body: made.css }));
	await b.page.goto(st.url + '/');
	await b.page.getByRole('heading', { level: 1 }).waitFor();
	await b.page.evaluate(() => {
		for (const l of document.querySelectorAll('link[rel=stylesheet]')) l.remove();
		document.body.innerHTML = '<main id="team"><h1>Team</h1></main>';
	});
	await b.page.addStyleTag({ url: '/team.css' });
	await b.page.addScriptTag({ url: '/team.js', type: 'module' });
	await b.page.waitForFunction(() => window.team);
}

const ops = (b) => ({
	open: (who, socket = true) =>
		b.page.evaluate(([who, socket]) => {
			window.events = [];
			window.s = window.team.open(who, socket);
			window.s.onEvent((e) => window.events.push(e.kind));
		}, [who, socket]),
	do: (op) => b.page.evaluate((op) => window.s.do(op).then((r) => r, (e) => ({ refused: e.message })), op),
});

/** Waits in this process: the page's policy forbids code from strings. */
async function until(page, f, what, ...args) {
	for (let i = 0; i < 200; i++) {
		if (await page.evaluate(f, args)) return;
		await new Promise((d) => setTimeout(d, 50));
	}
	const now = await page.evaluate(() => JSON.stringify(window.s?.connection.get())).catch((e) => e.message);
	assert.fail(`not in time: ${what}; the connection is ${now}`);
}
const is = (page, store, n) => until(page, ([store, n]) => window.s[store].get().length === n, `${n} of ${store}`, store, n);
const online = (page, by) => until(page, ([by]) => window.s.connection.get().state === 'online' && window.s.connection.get().by === by, `online by ${by}`, by);

export const tests = {
	'two readers see each other, draw, paint and talk in one reading; what is written without a connection arrives later, once': async () => {
		const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
		const files = await loops(data, { patients: 1, frames: 8 });
		const st = await study({ protocol, members: { cora: ['coordinator'], ann: ['reader'], bob: ['reader'] }, cases: [files.slice(0, 1)] });
		try {
			const made = await pieces();
			const both = { ann: await browser(st, 'ann'), bob: await browser(st, 'bob', { size: [390, 844], scheme: 'light', touch: true }) };
			const list = await (await both.ann.page.request.get(st.url + '/api/worklist')).json();
			const [mine, other] = list.length ? ['ann', 'bob'] : ['bob', 'ann'];
			const [a, b] = [both[mine], both[other]];
			for (const x of [a, b]) await part(x, st, made);
			const [A, B] = [ops(a), ops(b)];
			await A.open(mine);
			await online(a.page, 'socket');
			const task = (await (await a.page.request.get(st.url + '/api/worklist')).json())[0];
			const reading = (await A.do({ kind: 'reading.open', object: task.assignment })).object;
			await A.do({ kind: 'reading.share', data: { reading, with: [other] } });
			await B.open(other, false); // behind a proxy that lets no socket through
			await online(b.page, 'events');
			for (const x of [a, b]) await x.page.evaluate(([r]) => (window.team.show(window.s, r), window.s.attend({ reading: r, image: 1, frame: 2 })), [reading]);
			await is(a.page, 'presence', 1);
			await is(b.page, 'presence', 1);

			// What is drawn is shown while it is drawn.
			await a.page.evaluate(([r]) => window.s.draw({ reading: r, image: 1, frame: 2, item: 'lv', stroke: { radius: 4, points: [[1, 1], [9, 9]] } }), [reading]);
			await is(b.page, 'live', 1);
			await b.page.evaluate(([r]) => window.s.draw({ reading: r, image: 1, frame: 2, cursor: [5, 5] }), [reading]);
			await is(a.page, 'live', 1);
			await a.page.evaluate(([r]) => window.s.draw({ reading: r, image: 1, frame: 2, done: true }), [reading]);
			await is(b.page, 'live', 0);

			// One paints; the other is told who does.
			const place = { reading, item: 'lv', image: 1, frame: 2 };
			await a.page.evaluate(async ([p]) => void (window.held = await window.s.lease(p)), [place]);
			const no = await b.page.evaluate(([p]) => window.s.lease(p).then(() => '', (e) => e.message), [place]);
			assert.match(no, new RegExp(`^${mine} paints this mask, until `));
			b.findings.length = 0; // the refusal is in the console
			await b.page.getByText(`paints lv, image 1, frame 3`).waitFor();
			await a.page.evaluate(() => window.held.release());
			await is(b.page, 'leases', 0);

			// Comments belong to a frame, and go there.
			await b.page.getByLabel('Comment', { exact: true }).fill('Is this the wall?');
			await b.page.getByRole('button', { name: 'Send' }).click();
			await a.page.getByText('Is this the wall?').waitFor();
			await a.page.getByRole('button', { name: 'image 1, frame 5' }).click();
			assert.deepEqual(await a.page.evaluate(() => window.team.jumps), [{ image: 1, frame: 4 }]);
			await a.page.getByRole('button', { name: 'Reply' }).click();
			await a.page.getByLabel(`Reply to ${other}`).fill('Yes.');
			await a.page.keyboard.press('Control+Enter');
			await b.page.getByText('Yes.', { exact: true }).waitFor();

			// Both change one answer: the later one chooses.
			const note = (text, more = {}) => ({ kind: 'answer.put', data: { reading, answer: { item: 'note', text } }, ...more });
			const first = await A.do(note('from the first'));
			await A.do(note('changed by the first', { object: first.object, base: 1 }));
			const late = await B.do(note('from the second', { object: first.object, base: 1 }));
			assert.match(late.refused, /version 2/);
			await b.page.getByText('changed by the first').waitFor();
			b.findings.length = 0;
			await b.looksRight('a telephone with a conflict');
			await b.shot('together-conflict');
			await b.page.getByRole('button', { name: 'Keep yours' }).click();
			await is(b.page, 'conflicts', 0);
			await a.looksRight('a screen with a team');
			await a.shot('together');

			// The server goes; what is written meanwhile outlives the page, and arrives once.
			const port = new URL(st.url).port;
			st.server.kill('SIGKILL');
			await until(a.page, () => window.s.connection.get().state === 'offline', 'offline');
			await a.page.getByText('No connection').waitFor();
			await a.page.evaluate(([r, o]) => {
				void window.s.do({ kind: 'answer.put', object: o, base: 3, data: { reading: r, answer: { item: 'note', text: 'without a connection' } } }).catch(() => undefined);
				void window.s.do({ kind: 'comment', data: { reading: r, text: 'written without a connection' } }).catch(() => undefined);
			}, [reading, first.object]);
			await a.page.getByText('No connection, 2 changes kept here').waitFor();
			await a.shot('together-offline');
			await new Promise((d) => setTimeout(d, 200));
			await a.page.goto('about:blank');
			await new Promise((done) => (st.server.exitCode !== null || st.server.signalCode !== null ? done() : st.server.once('exit', done)));
			await st.start(port);
			await a.page.goto(st.url + '/login');
			await a.page.fill('[name=name]', mine);
			await a.page.fill('[name=password]', st.passwords[mine]);
			await a.page.press('[name=password]', 'Enter');
			await a.page.waitForURL(st.url + '/');
			await part(a, st, made);
			await A.open(mine);
			await online(a.page, 'socket');
			await until(a.page, () => window.s.waiting.get() === 0, 'nothing waits');
			const got = await (await a.page.request.get(`${st.url}/api/readings/${reading}`)).json();
			assert.deepEqual(got.answers.map((x) => [x.text, x.version]), [['without a connection', 4]]);
			const said = await (await a.page.request.get(`${st.url}/api/readings/${reading}/comments`)).json();
			assert.deepEqual(said.map((c) => [c.author, c.text]), [[other, 'Is this the wall?'], [mine, 'Yes.'], [mine, 'written without a connection']]);
		} finally {
			await st.close();
			rmSync(data, { recursive: true, force: true });
		}
	},
};
