/**
 * The same frames of the same server in Cornerstone3D's stack viewport, as bench/viewer drives it: ?case=ID&cpu=1 paints without WebGL, which is the faster
 * way where there is no GPU. Frames are fetched by our own client, four at a time, and handed over as they are: what is compared is showing them.
 */
import { Enums, RenderingEngine, imageLoader, init, metaData, setUseCPURendering, type Types } from '@cornerstonejs/core';
import * as api from '../../src/api/client';
import { displaysOf } from '../../src/core/stack/series';

const query = new URLSearchParams(location.search);
const id = query.get('case') ?? '';
const beat = () => new Promise<number>((done) => requestAnimationFrame(done));

async function open() {
	init();
	setUseCPURendering(query.get('cpu') === '1');
	const { places, image } = displaysOf(await api.caseOf(id))[0]!;
	const element = document.body.appendChild(document.createElement('div'));
	element.id = 'view';
	const engine = new RenderingEngine('bench');
	engine.enableElement({ viewportId: 'v', type: Enums.ViewportType.STACK, element });
	const v = engine.getViewport('v') as Types.IStackViewport;
	let rendered = 0;
	const seen = new Set<string>();
	element.addEventListener(Enums.Events.IMAGE_RENDERED, () => {
		rendered++;
		seen.add(v.getCurrentImageId());
	});

	metaData.addProvider((type: string) => {
		switch (type) {
			case 'generalSeriesModule':
				return { modality: image.samples === 3 ? 'US' : 'CT' };
			case 'voiLutModule':
				return image.samples === 3 ? undefined : { windowCenter: [40], windowWidth: [400] };
			case 'modalityLutModule':
				return { rescaleSlope: image.rescale?.slope ?? 1, rescaleIntercept: image.rescale?.intercept ?? 0 };
		}
		return undefined;
	}, 100);
	const name = (n: number) => `bench:${n}`;
	const load = async (n: number) => {
		const p = places[n]!;
		const data = (await api.frame(id, p.image, p.frame)) as ArrayBuffer;
		const scalarData = image.samples === 3 || image.bits === 8 ? new Uint8Array(data) : new Uint16Array(data);
		const im = imageLoader.createAndCacheLocalImage(name(n), { scalarData, dimensions: [image.columns, image.rows], spacing: [1, 1], origin: [0, 0, n] });
		Object.assign(im, { numberOfComponents: image.samples, slope: image.rescale?.slope ?? 1, intercept: image.rescale?.intercept ?? 0 });
		if (image.samples === 1) Object.assign(im, { windowCenter: 40, windowWidth: 400 });
		else Object.assign(im, { windowCenter: 128, windowWidth: 255 });
	};
	await load(0);
	const total = places.length;
	await v.setStack([name(0)], 0);
	v.render();
	while (rendered === 0) await beat();
	await beat();
	const first = performance.now();
	let next = 1;
	await Promise.all(Array.from({ length: 4 }, async () => { while (next < total) await load(next++); }));
	await v.setStack(places.map((_, n) => name(n)), 0);
	v.render();
	return {
		first: { navigation: first, next: first, viewport: NaN },
		/** By elapsed time, 30 a second, after all is here. */
		async play(ms: number) {
			let shown = 0, last = -1, due = 0, step = -1;
			const t = performance.now();
			for (let now = t; now - t < ms; now = await beat()) {
				due = Math.floor(((now - t) * 30) / 1000);
				if (due === step) continue;
				step = due;
				await v.setImageIdIndex(step % total);
				const before = rendered;
				v.render();
				if (rendered === before) await beat();
				if (rendered > before && last !== step) shown++;
				last = step;
			}
			return { shown, dropped: due + 1 - shown, seconds: (performance.now() - t) / 1000, beats: 0, peak: 0, early: 0 };
		},
		async scroll(ms: number) {
			let n = 0, step = 1, beats = 0;
			const before = rendered;
			const t = performance.now();
			while (performance.now() - t < ms) {
				if (n + step < 0 || n + step >= total) step = -step;
				await v.setImageIdIndex((n += step));
				v.render();
				await beat();
				beats++;
			}
			return { shown: Math.min(beats, rendered - before), beats, seconds: (performance.now() - t) / 1000, worst: NaN, images: seen.size };
		},
	};
}

(window as unknown as { bench: ReturnType<typeof open> }).bench = open();
