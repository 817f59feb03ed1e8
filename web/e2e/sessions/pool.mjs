/** A study whose cases wait for whoever is free. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, browser, loops, study } from '../lib.mjs';

const protocol = `version: 1
revision: 1
title: Whoever is free
design: {kind: independent, readers: 1, pool: true}
items:
  - {name: normal, label: Normal, kind: choice, options: [{name: "yes"}, {name: "no"}], required: true}
`;

export const tests = {
	'two readers take the cases of a pool, one after the other and none twice': async () => {
		const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
		const files = await loops(data, { patients: 2, frames: 8 });
		const st = await study({ protocol, members: { cora: ['coordinator'], ann: ['reader'], bob: ['reader'] }, cases: files.map((f) => [f]) });
		try {
			const a = await browser(st, 'ann');
			const b = await browser(st, 'bob', { size: [390, 844], scheme: 'light', touch: true });
			for (const x of [a, b]) {
				await x.page.getByRole('button', { name: 'Take the next case' }).waitFor();
				await x.looksRight('an empty worklist with a pool');
			}
			await b.shot('pool');
			for (const x of [a, b]) {
				await x.page.getByRole('button', { name: 'Take the next case' }).click();
				await x.page.getByRole('link', { name: 'Case 1' }).waitFor();
				await x.page.getByRole('button', { name: 'Take the next case' }).waitFor({ state: 'detached' }); // the one that one has comes first
				await x.looksRight('a worklist with a case of the pool');
			}
			await a.shot('pool-taken');
			const tasks = await Promise.all([a, b].map(async (x) => (await (await x.page.request.get(st.url + '/api/worklist')).json())[0].assignment));
			assert.notEqual(tasks[0], tasks[1]);
			const pool = await (await a.page.request.get(st.url + '/api/pool')).json();
			assert.deepEqual(pool, { left: false, holding: true });
		} finally {
			await st.close();
			rmSync(data, { recursive: true, force: true });
		}
	},
};
