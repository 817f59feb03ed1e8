/**
 * The viewer's core on a page by itself, as bench/viewer drives it. The address says what to open: ?case=ID&limit=MiB. `bench` is what the
 * driver calls.
 */
import * as api from '../src/api/client';
import { Memory } from '../src/core/frames/memory';
import { sharing } from '../src/core/frames/source';
import { displaysOf, sourceOf } from '../src/core/stack/series';
import { makeViewport } from '../src/core/viewport/viewport';

const query = new URLSearchParams(location.search);
const id = query.get('case') ?? '';
const memory = new Memory(Number(query.get('limit') ?? 512) * 2 ** 20);
const canvas = document.body.appendChild(document.createElement('canvas'));

const beat = () => new Promise<number>((done) => requestAnimationFrame(done));
const until = async (f: () => boolean) => {
	while (!f()) await beat();
};

async function open() {
	const c = await api.caseOf(id);
	const display = displaysOf(c)[0]!;
	const shared = sharing((image, n, signal) => api.frame(id, image, n, signal), { memory });
	const source = sourceOf(display, shared);
	let here = 0;
	source.onProgress((n) => (here = n));
	const v = makeViewport(canvas, source);
	const painted = await new Promise<number>((done) => v.on('frame', () => done(performance.now())));
	await beat(); // the picture with it is made now
	const total = source.image.frames;
	return {
		/** ms since the navigation began, and since the viewport was made */
		first: { navigation: painted, next: performance.now(), viewport: v.stats().first },

		/** Waits until all frames are here; ms since the navigation began. */
		async all() {
			await until(() => here === total);
			return performance.now();
		},

		/** Plays for so many ms from now on, whatever is here. */
		async play(ms: number) {
			const before = v.stats();
			let peak = 0, beats = 0, early = 0;
			v.setPlay({ playing: true });
			const t = performance.now();
			while (performance.now() - t < ms) {
				await beat();
				beats++;
				if (performance.now() - t < 2000) early = v.stats().dropped - before.dropped;
				peak = Math.max(peak, memory.used);
			}
			v.setPlay({ playing: false });
			const after = v.stats();
			const seconds = (performance.now() - t) / 1000;
			return { shown: after.shown - before.shown, dropped: after.dropped - before.dropped, seconds, beats, peak, early };
		},

		/** Shows the next slice at each picture of the screen, forth and back, for so many ms. */
		async scroll(ms: number) {
			const before = v.stats().shown;
			let beats = 0, n = 0, step = 1, worst = 0;
			const t = performance.now();
			let last = t;
			while (performance.now() - t < ms) {
				if (n + step < 0 || n + step >= total) step = -step;
				v.show((n += step));
				await beat();
				const now = performance.now();
				worst = Math.max(worst, now - last);
				last = now;
				beats++;
			}
			return { shown: v.stats().shown - before, beats, seconds: (performance.now() - t) / 1000, worst };
		},

		/** Makes the window wider and narrower at each picture: a drag. */
		async windowing(ms: number) {
			let n = 0;
			const t = performance.now();
			while (performance.now() - t < ms) {
				v.setGrey({ window: { center: 40, width: 200 + (n++ % 400), function: 'linear' } });
				await beat();
			}
			return { beats: n, seconds: (performance.now() - t) / 1000 };
		},

		/** Pixels of the canvas at 1:1 that are not those that package pixel renders of a file's frame. */
		async differing(n: number, file: string, frame: number) {
			v.setView({ scale: 1 / devicePixelRatio, centre: [source.image.columns / 2, source.image.rows / 2] });
			v.show(n);
			await until(() => v.frame === n);
			await beat();
			const { e, f } = v.transform();
			const { columns, rows } = source.image;
			const got = canvas.getContext('2d')!.getImageData(Math.round(e), Math.round(f), columns, rows).data;
			const want = new Uint8Array(await (await fetch(`/bench/render/${file}/${frame}`)).arrayBuffer());
			const samples = want.length / (columns * rows);
			let differ = 0;
			for (let i = 0; i < columns * rows; i++) for (let k = 0; k < 3; k++) if (got[4 * i + k] !== want[samples * i + (samples === 3 ? k : 0)]) {
				differ++;
				break;
			}
			return differ;
		},

		state: () => ({ used: memory.used, limit: memory.limit, problem: v.problem?.message, frames: total }),
	};
}

declare global {
	interface Window {
		bench: ReturnType<typeof open>;
	}
}
window.bench = open();
