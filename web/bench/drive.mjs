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
		const out = await work(page, browser).catch((e) => {
			throw new Error([String(e), ...wrong].join('; '));
		});
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
/** ms from navigating to a case in the app itself until its canvas has a picture; NaN where it has none after ten seconds. */
const app = async (page, id) => {
	await page.addInitScript(() => {
		window.painted = new Promise((done) => {
			const look = () => {
				for (const c of document.querySelectorAll('canvas')) {
					if (c.width < 300) continue; // thumbnails
					const { data } = c.getContext('2d').getImageData(c.width >> 1, c.height >> 1, 8, 8);
					if (data.some((v, i) => i % 4 < 3 && v > 0)) return requestAnimationFrame(() => done(performance.now()));
				}
				if (performance.now() > 10_000) return done(NaN);
				requestAnimationFrame(look);
			};
			requestAnimationFrame(look);
		});
	});
	await page.goto(`${o.url}/cases/${id}`);
	return page.evaluate(() => window.painted);
};
for (let i = 0; i < o.repeat; i++) {
	await session(plain, async (page) => out.app.push(await app(page, o.loop)));
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
/** The peer in its two ways: painted by the processor, and through WebGL as Chromium starts. */
async function peer(args, cpu) {
	const r = { first: [], play: [], scroll: [] };
	for (let i = 0; i < o.repeat; i++) await session(args, async (page) => {
		const go = async (id) => {
			await page.goto(`${o.url}/bench/peer/peer.html?case=${id}&cpu=${cpu}`);
			return page.evaluate(async () => (await window.bench).first);
		};
		r.first.push(await go(o.loop));
		r.play.push(await call(page, 'play', 10_000));
		await go(o.stack);
		r.scroll.push(await call(page, 'scroll', 5000));
	});
	return r;
}
if (o.peer) out.peers = { cpu: await peer(plain, 1), webgl: await peer(['--no-sandbox', '--disable-quic', '--hide-scrollbars'], 0) };
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
