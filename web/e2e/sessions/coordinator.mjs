/** A coordinator's study from nothing to its export: protocol, members, cases, phases, progress, agreement, adjudication, zip, audit. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { assert, browser, loops, study } from '../lib.mjs';

/** Asks a route as the page would, in somebody's session. */
export async function ask(b, method, path, body) {
	const r = await b.page.evaluate(
		async ([method, path, body]) => {
			const r = await fetch(path, { method, headers: body ? { 'Content-Type': 'application/json' } : {}, body: body ? JSON.stringify(body) : undefined });
			return { status: r.status, text: await r.text() };
		},
		[method, path, body],
	);
	return { status: r.status, json: r.text && r.text.startsWith('{') | r.text.startsWith('[') ? JSON.parse(r.text) : undefined };
}

/** Somebody reads every case that is theirs: answer(order) gives the answers. */
export async function readAll(b, answers) {
	const { json: tasks } = await ask(b, 'GET', '/api/worklist');
	for (const t of tasks.filter((t) => t.state === 'ready')) {
		const { json: opened } = await ask(b, 'POST', '/api/ops', { kind: 'reading.open', object: t.assignment });
		for (const answer of answers(t)) {
			const put = await ask(b, 'POST', '/api/ops', { kind: 'answer.put', data: { reading: opened.object, answer } });
			assert.equal(put.status, 200, JSON.stringify(put.json));
		}
		const lock = await ask(b, 'POST', '/api/ops', { kind: 'reading.lock', object: opened.object });
		assert.equal(lock.status, 200, JSON.stringify(lock.json));
	}
}

/** Files of a zip, by name. */
function unzip(bytes) {
	const out = {};
	const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
	let at = bytes.readUInt32LE(end + 16);
	for (let n = bytes.readUInt16LE(end + 10); n > 0; n--) {
		const [method, size, name, extra, comment, local] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20), bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32), bytes.readUInt32LE(at + 42)];
		const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
		const data = bytes.subarray(from, from + size);
		out[bytes.toString('utf8', at + 46, at + 46 + name)] = method === 8 ? inflateRawSync(data) : data;
		at += 46 + name + extra + comment;
	}
	return out;
}

const sizes = [[[1440, 900], 'dark', false], [[1440, 900], 'light', false], [[390, 844], 'dark', true], [[390, 844], 'light', true]];

/** Pages of the study as each size and theme shows them: [path, name, what is there when it is ready]. */
async function look(st, who, ...views) {
	for (const [size, scheme, touch] of sizes) {
		const b = await browser(st, who, { size, scheme, touch });
		for (const [path, name, ready] of views) {
			await b.page.goto(st.url + path);
			await ready(b.page);
			await b.page.evaluate(() => Promise.all([...document.images].map((i) => (i.scrollIntoView(), i.decode?.().catch(() => undefined)))).then(() => scrollTo(0, 0)));
			await b.looksRight(`${name} ${size[0]} ${scheme}`);
			await b.shot(`study-${name}`);
		}
		await b.page.context().browser().close();
	}
}

export const tests = {
	'a study from nothing to its export': async () => {
		const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
		const files = await loops(data, { patients: 6, frames: 8, height: 120, width: 160 });
		assert.ok(files.length >= 6);
		const st = await study({ members: { cora: ['coordinator'], ann: ['reader'], bob: ['reader'], dora: ['adjudicator'], otto: ['auditor'] }, assign: false, phase: '', extra: ['--cases-from', `loops=${join(data, 'dicom')}`] });
		try {
			const eve = await browser(st, 'eve');
			const p = eve.page;
			await p.getByRole('link', { name: 'Study', exact: true }).click();
			await p.getByText('Publish a protocol').waitFor();
			eve.findings.length = 0; // the worklist asked for a protocol, and there is none yet
			await eve.looksRight('an empty study');
			await eve.shot('study-empty');

			// The protocol: a ready design, a fault by its line, mended, published.
			await p.getByRole('link', { name: 'Publish a protocol' }).click();
			await p.getByRole('dialog').getByLabel('Title of the study').fill('Function, read twice');
			await eve.looksRight('the designs');
			await eve.shot('study-designs');
			await p.getByRole('button', { name: /Independent double read/ }).click();
			await p.getByRole('heading', { name: 'It fits' }).waitFor();
			const yaml = p.getByLabel('Protocol as YAML');
			const text = await yaml.inputValue();
			assert.match(text, /^version: 1\nrevision: 1\ntitle: "Function, read twice"/);
			await yaml.fill(text.replace('required: true', 'requird: true'));
			await p.getByRole('heading', { name: '1 fault' }).waitFor();
			await p.getByRole('button', { name: /Line 12/ }).click();
			assert.equal(await yaml.evaluate((t) => t.value.slice(t.selectionStart, t.selectionEnd)), '    requird: true');
			await eve.looksRight('a protocol with a fault');
			await eve.shot('study-fault');
			assert.ok(await p.getByRole('button', { name: 'Publish revision 1' }).isDisabled());
			await yaml.fill(text.replace('  - name: lvef\n    label: Ejection fraction from traces\n    kind: ejection', '  - name: lvef\n    label: Ejection fraction by eye\n    kind: number\n    unit: "%"\n    required: true'));
			await p.getByRole('heading', { name: 'It fits' }).waitFor();
			await p.getByRole('button', { name: 'Publish revision 1' }).click();
			await p.getByRole('dialog').getByRole('button', { name: 'Publish' }).click();
			await p.getByText('Revision 1 is published').waitFor();

			// A member, with a password that is told once, after one's own.
			await p.getByRole('link', { name: 'Members' }).click();
			await p.getByRole('button', { name: 'Add a member' }).click();
			await p.getByLabel('Name', { exact: true }).fill('carl');
			await p.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
			const again = p.getByRole('dialog', { name: 'Your password once more' });
			const told = p.getByTestId('password');
			await again.or(told).first().waitFor();
			if (await again.isVisible()) {
				await again.getByLabel('Password', { exact: true }).fill('not my password');
				await again.getByRole('button', { name: 'Go on' }).click();
				await again.getByRole('alert').waitFor();
				await again.getByLabel('Password', { exact: true }).fill(st.passwords.eve);
				await again.getByLabel('Password', { exact: true }).press('Enter');
			}
			await told.waitFor();
			eve.findings.length = 0; // 403s that were meant
			await eve.looksRight('a password');
			await eve.shot('study-password');
			st.passwords.carl = (await told.textContent()).trim();
			await p.getByRole('button', { name: 'Done' }).click();
			await p.getByRole('rowheader', { name: 'carl' }).waitFor();

			// Cases from the folder that was allowed.
			await p.getByRole('link', { name: 'Cases' }).click();
			await p.getByRole('button', { name: 'Search' }).click();
			await p.getByLabel('All that are no cases yet').check();
			await eve.looksRight('studies in a folder');
			await eve.shot('study-search');
			await p.getByRole('button', { name: `Add ${files.length} cases` }).click();
			await p.getByText(`${files.length} cases added`).waitFor();
			assert.ok(!(await p.content()).includes(data), 'no path of the folder');

			// Assigned and begun, after a look at what it comes to.
			await p.getByRole('link', { name: 'Overview' }).click();
			await p.getByRole('button', { name: 'Assign cases' }).click();
			await p.getByRole('dialog').getByRole('table').waitFor();
			await eve.looksRight('what would be assigned');
			await eve.shot('study-assign');
			await p.getByRole('dialog').getByRole('button', { name: 'Assign', exact: true }).click();
			await p.getByText('The cases are assigned').waitFor();
			await p.getByRole('button', { name: 'Set a date' }).click();
			await p.getByLabel('Last day').fill('2031-12-24');
			await p.getByRole('dialog').getByRole('button', { name: 'Set', exact: true }).click();
			await p.getByText('Due by 2031-12-24').waitFor();
			await p.getByRole('button', { name: 'Begin: reading' }).click();
			await p.getByRole('dialog').getByRole('button', { name: 'Begin', exact: true }).click();
			await p.getByText('The study is in its phase “Reading”').waitFor();

			// Readers read: ann and carl see alike, bob does not. None of them gets the study's pages' data.
			let n = 0;
			for (const who of ['ann', 'bob', 'carl']) {
				const b = await browser(st, who);
				for (const path of ['/api/study', '/api/study/protocol', '/api/agreement', '/api/audit']) assert.equal((await ask(b, 'GET', path)).status, 403, `${who} ${path}`);
				b.findings.length = 0;
				await readAll(b, (t) => {
					n++;
					return [
						{ item: 'function', choice: [who === 'bob' ? ['normal', 'reduced'][t.order % 2] : 'normal'], confidence: 60 + n },
						{ item: 'lvef', number: who === 'bob' ? 40 + 3 * t.order : 55 + t.order },
					];
				});
				await b.page.goto(st.url + '/study');
				await b.page.getByText('There is nothing here for you').waitFor();
				await b.looksRight('the study as a reader sees it');
				if (who === 'ann') await look(st, 'cora', ['/study', 'overview', (q) => q.getByRole('heading', { name: 'Readers and cases' }).waitFor()]);
				await b.page.context().browser().close();
			}
			await p.reload();
			await p.getByText(`${2 * files.length} of ${2 * files.length}`).first().waitFor().catch(() => undefined);
			await p.getByRole('button', { name: 'Begin: adjudication' }).click();
			await p.getByRole('dialog').getByRole('button', { name: 'Begin', exact: true }).click();
			await p.getByText('The study is in its phase “Adjudication”').waitFor();

			// Agreement is known now; disagreements by other limits, sent to the adjudicator.
			await p.getByRole('link', { name: 'Disagreements' }).click();
			await p.getByRole('heading', { name: 'Queue' }).waitFor();
			const before = await p.getByRole('status').filter({ hasText: 'disagreement' }).textContent();
			await p.getByLabel('Limit of Ejection fraction by eye').fill('2');
			await p.getByText('changed').waitFor();
			await p.waitForFunction((was) => [...document.querySelectorAll('[role=status]')].every((e) => e.textContent !== was), before);
			await eve.looksRight('disagreements');
			await eve.shot('study-disagreements');
			await p.getByRole('button', { name: 'Send to adjudication' }).click();
			const send = p.getByRole('dialog', { name: 'Send to adjudication' });
			await send.getByRole('checkbox').first().check();
			await send.getByText(/would be sent/).waitFor();
			await eve.looksRight('what would be sent');
			await eve.shot('study-send');
			await send.getByRole('button', { name: 'Send', exact: true }).click();
			await p.getByText(/sent to adjudication/).waitFor();
			await p.getByText('with an adjudicator').first().waitFor();

			// The export, after the password where the last proof is too old.
			await p.getByRole('link', { name: 'Export' }).click();
			await eve.looksRight('the export');
			const download = p.waitForEvent('download', { timeout: 60_000 });
			await p.getByRole('button', { name: 'Export', exact: true }).click();
			await again.or(p.getByText(/^Writing|^Packing|The download has begun/)).first().waitFor();
			if (await again.isVisible()) {
				await again.getByLabel('Password', { exact: true }).fill(st.passwords.eve);
				await again.getByLabel('Password', { exact: true }).press('Enter');
				eve.findings.length = 0;
			}
			const zip = unzip(readFileSync(await (await download).path()));
			const manifest = JSON.parse(zip['manifest.json']);
			assert.equal(manifest.readings, 2 * files.length);
			assert.equal(manifest.files.length, Object.keys(zip).length - 1);
			for (const f of manifest.files) assert.equal(createHash('sha256').update(zip[f.path]).digest('hex'), f.sha256, f.path);
			assert.ok(!/\b(ann|bob|carl)\b/.test(zip['readings.csv'].toString()), 'readers by mask');
			await p.getByText('The download has begun').waitFor();
			eve.findings.length = 0;
			await eve.looksRight('an export that is done');
			await eve.shot('study-export');

			// The auditor sees who came and asked, by mask.
			await look(st, 'otto', ['/study/audit', 'audit', (q) => q.getByText('Access log: the chain holds').waitFor()]);
			await look(st, 'eve', ['/study/members', 'members', (q) => q.getByRole('rowheader', { name: 'carl' }).waitFor()]);
			await look(
				st, 'cora',
				['/study/agreement', 'agreement', (q) => q.getByRole('heading', { name: 'Who read' }).waitFor()],
				['/study/disagreements', 'queue', (q) => q.getByText('with an adjudicator').first().waitFor()],
				['/study/protocol', 'protocol', (q) => q.getByRole('heading', { name: 'It fits' }).waitFor()],
			);
		} finally {
			await st.close();
			rmSync(data, { recursive: true, force: true });
		}
	},
};
