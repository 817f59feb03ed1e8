/** Logging in and out: the first thing anybody sees. */
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { assert, browser, loops, study } from '../lib.mjs';

const protocol = `version: 1
revision: 1
title: Is it normal?
design: {kind: panel}
items:
  - {name: normal, label: Normal, kind: choice, options: [{name: "yes"}, {name: "no"}], required: true}
`;

export const tests = {
	'a wrong password is told so, a right one leads to the worklist, and logging out ends it': async () => {
		const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
		const files = await loops(data, { patients: 2, frames: 8 });
		const st = await study({ protocol, members: { cora: ['coordinator'], ann: ['reader'] }, cases: files.map((f) => [f]) });
		try {
			for (const [size, scheme, touch] of [[[1440, 900], 'light', false], [[1440, 900], 'dark', false], [[390, 844], 'light', true], [[390, 844], 'dark', true]]) {
				const b = await browser(st, undefined, { size, scheme, touch });
				await b.page.waitForURL(st.url + '/login');
				await b.looksRight('the log in page');
				await b.shot('login');
				await b.page.fill('[name=name]', 'ann');
				await b.page.fill('[name=password]', 'not the password');
				await b.page.press('[name=password]', 'Enter');
				await b.page.waitForSelector('[role=alert]');
				assert.equal(b.findings.length, 1, 'the 401 and nothing else');
				b.findings.length = 0;
				await b.page.fill('[name=name]', 'ann');
				await b.page.fill('[name=password]', st.passwords.ann);
				await b.page.press('[name=password]', 'Enter');
				await b.page.waitForURL(st.url + '/');
				await b.page.getByRole('heading', { level: 1 }).waitFor();
				assert.equal(await b.page.evaluate(() => document.cookie), '', 'no script can read the cookie');
				await b.looksRight('the worklist');
				await b.shot('worklist');
				await b.page.getByRole('button', { name: 'Log out' }).click();
				await b.page.waitForURL(st.url + '/login');
				await b.page.goto(st.url + '/cases/0');
				await b.page.waitForURL(st.url + '/login');
			}
		} finally {
			await st.close();
			rmSync(data, { recursive: true, force: true });
		}
	},
};
