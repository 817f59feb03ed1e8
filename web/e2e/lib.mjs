/**
 * What sessions share: a study that is served, browsers of its members, and eyes: no violation of the policy for content, no error in the
 * console, no serious finding of axe, nothing wider than the window.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
/** The program under test. */
export const program = resolve(process.env.CINELOOP ?? join(here, '../../bin/cineloop'));
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const exec = promisify(execFile);

/** Screenshots are kept here, to be looked at. */
export const pictures = resolve(process.env.CINELOOP_ARTIFACTS ?? join(here, '../../artifacts'), 'e2e');

/** Runs the program; rejects with its standard error output. */
export async function cineloop(...args) {
	try {
		return (await exec(program, args.map(String), { maxBuffer: 64 << 20 })).stdout;
	} catch (e) {
		throw new Error(`cineloop ${args[0]} ${args[1] ?? ''}: ${e.stderr || e.message}`);
	}
}

/** Simulated loops in dir: their files in order. views and frames as in `cineloop phantom`. */
export async function loops(dir, { patients = 2, views = 'A4C', frames = 24, height = 240, width = 320, seed = 7 } = {}) {
	await cineloop('phantom', dir, '--patients', patients, '--views', views, '--frames', frames, '--height', height, '--width', width, '--seed', seed, '--tissue', '--no-masks');
	const at = join(dir, 'dicom');
	return readdirSync(at).filter((f) => f.endsWith('.dcm')).sort().map((f) => join(at, f));
}

/**
 * A study, served: members is {name: [roles]}, cases is a list of lists of files. Passwords are made up. Ends with close().
 * extra are more arguments of the server.
 */
export async function study({ protocol, members, cases, phase = 'reading', assign = true, extra = [], name = 'A study of sessions' }) {
	const root = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
	const dir = join(root, 'study');
	const passwords = {};
	await cineloop('annotate', 'init', dir, '--name', name, '--seed', 7, '--as', 'eve');
	for (const [who, roles] of Object.entries(members)) {
		await cineloop('annotate', 'member', dir, who, ...roles.flatMap((r) => ['--role', r]), '--as', 'eve');
		passwords[who] = (await cineloop('annotate', 'user', dir, who, '--generate')).trim();
	}
	passwords.eve = (await cineloop('annotate', 'user', dir, 'eve', '--generate')).trim();
	if (protocol) {
		writeFileSync(join(root, 'protocol.yaml'), protocol);
		await cineloop('annotate', 'protocol', dir, join(root, 'protocol.yaml'), '--as', 'cora');
	}
	if (cases) {
		writeFileSync(join(root, 'cases.csv'), 'case,patient,file\n' + cases.flatMap((files, i) => files.map((f) => `${i + 1},p${i + 1},${f}\n`)).join(''));
		await cineloop('annotate', 'cases', dir, join(root, 'cases.csv'), '--as', 'cora');
	}
	if (assign) await cineloop('annotate', 'assign', dir, '--as', 'cora');
	if (phase) await cineloop('annotate', 'phase', dir, phase, '--as', 'cora');
	const st = { root, dir, passwords, url: '', server: undefined, browsers: [] };
	st.start = async (port = 0) => {
		st.server = spawn(program, ['annotate', '--project', dir, '--listen', `127.0.0.1:${port}`, '--quiet', ...extra], { stdio: ['ignore', 'pipe', 'inherit'] });
		for await (const line of createInterface({ input: st.server.stdout })) {
			if (/^https?:/.test(line)) {
				st.url = line.trim().replace(/\/$/, '');
				break;
			}
		}
		assert.ok(st.url, 'the server says where it listens');
	};
	/** Stops the server: commands can have the folder now. */
	st.stop = () =>
		new Promise((done) => {
			if (!st.server || st.server.exitCode !== null || st.server.signalCode !== null) return done();
			st.server.once('exit', done);
			st.server.kill('SIGTERM');
		});
	st.close = async () => {
		for (const b of st.browsers) await b.close();
		await st.stop();
		rmSync(root, { recursive: true, force: true });
	};
	await st.start();
	return st;
}

function chrome() {
	const found = [process.env.CHROME, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((p) => p && existsSync(p));
	if (!found) throw new Error('Chromium is not installed: scripts/setup web');
	return found;
}

/**
 * Somebody's browser: {page, context, shot, looksRight, findings}. size is [width, height], scheme light or dark; with touch it is a
 * telephone's. Logged in unless who is undefined.
 */
export async function browser(st, who, { size = [1440, 900], scheme = 'dark', touch = false } = {}) {
	const b = await chromium.launch({ executablePath: chrome(), args: ['--no-sandbox', '--disable-dev-shm-usage'] });
	st.browsers.push(b);
	const context = await b.newContext({ viewport: { width: size[0], height: size[1] }, colorScheme: scheme, hasTouch: touch, isMobile: touch, acceptDownloads: true, ignoreHTTPSErrors: true });
	const page = await context.newPage();
	page.setDefaultTimeout(20_000);
	const findings = [];
	page.on('console', (m) => {
		if (m.type() === 'error') findings.push(`console: ${m.text()}`);
	});
	page.on('pageerror', (e) => findings.push(`error: ${e.message}`));
	page.on('request', (r) => {
		if (!r.url().startsWith(st.url) && !r.url().startsWith('data:')) findings.push(`request to ${r.url()}`);
	});
	const me = {
		page,
		context,
		/** What went wrong so far; read and reset where an error is meant to be. */
		findings,
		/** Keeps a picture of the page. */
		async shot(name) {
			mkdirSync(pictures, { recursive: true });
			await page.screenshot({ path: join(pictures, `${name}-${size[0]}-${scheme}.png`) });
		},
		/** The page has no findings: of ours, of axe (serious or critical), and nothing sticks out sideways. */
		async looksRight(what) {
			assert.deepEqual(findings, [], `${what}: findings`);
			const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
			assert.ok(over <= 0, `${what} sticks out by ${over} pixels`);
			const found = await axe(page);
			assert.deepEqual(found, [], `${what}: accessibility`);
		},
	};
	await page.goto(st.url + '/');
	if (who !== undefined) {
		await page.fill('[name=name]', who);
		await page.fill('[name=password]', st.passwords[who]);
		await page.press('[name=password]', 'Enter');
		await page.waitForURL(st.url + '/');
	}
	return me;
}

/** Serious and critical findings of axe, in words. */
export async function axe(page) {
	// As a debugger, not as the page: its policy for content forbids scripts of others, and stays on.
	await page.evaluate(axeSource);
	const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
	return violations
		.filter((v) => v.impact === 'serious' || v.impact === 'critical')
		.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(', ')}`);
}

export { assert };
