/**
 * Drives the viewer's page for bench/viewer: `node drive.mjs '{"url", "name", "password", "loop", "stack", "repeat"}'`. Prints one JSON object of all runs. Nothing is
 * judged here.
 */
import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';

const o = JSON.parse(process.argv[2]);
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const plain = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--hide-scrollbars'];
/** Pictures as fast as they can be made, to see how much is left above 60 a second. */
const free = [...plain, '--disable-frame-rate-limit', '--disable-gpu-vsync'];

async function session(args, work) {
	const browser = await chromium.launch({ executablePath, args });
	try {
		const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
		const page = await context.newPage();
		const wrong = [];
		page.on('pageerror', (e) => wrong.push(String(e)));
		page.on('console', (m) => m.type() === 'error' && wrong.push(m.text()));
		await page.goto(o.url + '/login');
		const status = await page.evaluate(async ([name, password]) => (await fetch('/api/session', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name, password }) })).status, [o.name, o.password]);
		if (status !== 204) throw new Error(`login: ${status}`);
		const out = await work(page, browser);
		if (wrong.length) throw new Error(wrong.join('; '));
		return out;
	} finally {
		await browser.close();
	}
}

const open = async (page, id, limit = 512) => {
	await page.goto(`${o.url}/bench/viewer.html?case=${id}&limit=${limit}`);
	return page.evaluate(async () => (await window.bench).first);
};
const call = (page, name, ...args) => page.evaluate(async ([name, args]) => (await window.bench)[name](...args), [name, args]);

/** MiB of the page's process. */
function resident() {
	const rows = execFileSync('ps', ['-eo', 'ppid,pid,rss,args'], { encoding: 'utf8' }).split('\n');
	const ours = new Set([String(process.pid)]);
	let found = 0;
	for (let round = 0; round < 6; round++) for (const r of rows) {
		const [ppid, pid, rss, ...args] = r.trim().split(/\s+/);
		if (ours.has(ppid)) ours.add(pid);
		if (ours.has(pid) && args.includes('--type=renderer')) found = Math.max(found, Number(rss) / 1024);
	}
	return found;
}

const out = { first: [], app: [], play: [], scroll: [], free: [], windowing: [], loaded: [], memory: {} };
for (let i = 0; i < o.repeat; i++) {
	await session(plain, async (page) => {
		out.first.push(await open(page, o.loop));
		out.play.push(await call(page, 'play', 10_000));
	});
	await session(plain, async (page) => {
		await open(page, o.stack);
		out.loaded.push(await call(page, 'all'));
		out.scroll.push(await call(page, 'scroll', 5000));
		out.windowing.push(await call(page, 'windowing', 2000));
	});
	await session(free, async (page) => {
		await open(page, o.stack);
		await call(page, 'all');
		out.free.push(await call(page, 'scroll', 5000));
	});
}
/** What is seen is what the header says. */
out.exact = { loop: 0, stack: 0 };
await session(plain, async (page) => {
	await open(page, o.loop);
	for (const n of [0, 17, 59]) out.exact.loop += await call(page, 'differing', n, 'loop.dcm', n);
});
await session(plain, async (page) => {
	await open(page, o.stack);
	for (const n of [0, 100, 199]) out.exact.stack += await call(page, 'differing', n, `slice${n}.dcm`, 0);
});
/** A bound of 32 MiB under 70 MiB of loop: played round after round. */
out.memory = await session(plain, async (page) => {
	await open(page, o.loop, 32);
	const before = resident();
	const first = await call(page, 'play', 4000);
	const middle = resident();
	const then = await call(page, 'play', 8000);
	return { ...(await call(page, 'state')), peak: Math.max(first.peak, then.peak), before, middle, after: resident(), shown: then.shown, dropped: then.dropped };
});
console.log(JSON.stringify(out));
