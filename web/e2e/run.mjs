/**
 * Runs the browser sessions of sessions/*.mjs one after the other and ends with a plain count. Arguments choose sessions by a part of
 * their names. A session exports tests: {"what holds": async () => {…}}.
 */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dir = join(dirname(fileURLToPath(import.meta.url)), 'sessions');
const wanted = process.argv.slice(2);
let passed = 0, failed = 0;
for (const file of readdirSync(dir).filter((f) => f.endsWith('.mjs')).sort()) {
	if (wanted.length && !wanted.some((w) => file.includes(w))) continue;
	const { tests } = await import(join(dir, file));
	for (const [name, run] of Object.entries(tests)) {
		const since = performance.now();
		try {
			await run();
			passed++;
			console.log(`ok    ${file.replace('.mjs', '')}: ${name} (${((performance.now() - since) / 1000).toFixed(1)} s)`);
		} catch (e) {
			failed++;
			console.log(`FAIL  ${file.replace('.mjs', '')}: ${name}\n${(e.stack ?? String(e)).replace(/^/gm, '      ')}`);
		}
	}
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
