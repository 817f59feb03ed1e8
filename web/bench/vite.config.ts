import { defineConfig } from 'vite';

/** Builds the page that bench/viewer measures: the viewer's core without the app around it. OUT is where to. */
export default defineConfig({
	root: import.meta.dirname,
	base: '/bench/',
	publicDir: false,
	logLevel: 'warn',
	build: { outDir: process.env['OUT'] ?? 'out', emptyOutDir: false, target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0, rollupOptions: { input: `${import.meta.dirname}/viewer.html` } },
});
