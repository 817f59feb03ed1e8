import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vite';

/** Builds the pages that bench/viewer measures: the viewer's core without the app around it, and the peer's where it is installed. OUT is where to. */
const here = import.meta.dirname;
const peer = join(here, '../../build/cornerstone/node_modules/@cornerstonejs/core');
const pages = [join(here, 'viewer.html')];
if (existsSync(peer)) pages.push(join(here, 'peer/peer.html'));

export default defineConfig({
	root: here,
	base: '/bench/',
	publicDir: false,
	logLevel: 'error',
	build: { outDir: process.env['OUT'] ?? 'out', emptyOutDir: false, target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0, chunkSizeWarningLimit: 1e6, rollupOptions: { input: pages } },
	worker: { format: 'es' },
	resolve: { alias: { '@cornerstonejs/core': peer } },
});
