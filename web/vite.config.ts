/// <reference types="vitest/config" />
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const out = 'reading/dist';

/** Files that decide what is built, relative to this folder. */
function sources(): string[] {
	const walk = (dir: string): string[] =>
		readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? walk(join(dir, e.name)) : [join(dir, e.name)]));
	const built = [...walk('src'), ...walk('public')].filter((f) => !f.endsWith('.test.ts'));
	return [...built, 'index.html', 'package-lock.json', 'package.json', 'svelte.config.js', 'tsconfig.json', 'vite.config.ts'].sort();
}

/** Writes the digest of the sources beside what is built of them: a Go test says when one was changed without the other. */
function digest(): Plugin {
	return {
		name: 'sources-digest',
		apply: 'build',
		closeBundle() {
			const h = createHash('sha256');
			for (const f of sources()) h.update(f).update('\0').update(readFileSync(f)).update('\0');
			writeFileSync(join(out, 'SOURCES.sha256'), h.digest('hex') + '\n');
		},
	};
}

export default defineConfig({
	plugins: [svelte(), digest()],
	build: {
		outDir: out,
		emptyOutDir: true,
		target: 'es2022',
		assetsInlineLimit: 0, // data: only for images, and none is needed
		modulePreload: { polyfill: false },
		reportCompressedSize: true,
	},
	server: { proxy: { '/api': 'http://127.0.0.1:8081', '/login': 'http://127.0.0.1:8081', '/logout': 'http://127.0.0.1:8081' } },
	test: { include: ['src/**/*.test.ts'], environment: 'node' },
	resolve: process.env['VITEST'] ? { conditions: ['browser'] } : {},
});
