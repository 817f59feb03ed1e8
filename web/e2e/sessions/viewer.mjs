/** What the canvas shows, pixel by pixel, and that panes go together. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, browser, loops, study } from '../lib.mjs';

const protocol = `version: 1
revision: 1
title: Two loops beside each other
design: {kind: panel}
items:
  - {name: note, kind: text}
hanging:
  - {when: {pictures: {min: 2}, kind: loop}, layout: 1x2, sync: frame}
`;

/** Pixels of the first pane's canvas at 1:1 that are not those of the frame that the server sends: grey of 8 bits without a window is shown as it is, RGB always. */
const differing = (page, frame) =>
	page.evaluate(async (frame) => {
		const id = location.pathname.split('/').at(-1);
		const im = (await (await fetch(`/api/cases/${id}`)).json()).images[0];
		if (im.windows || im.voi_lut || im.rescale || im.inverse || im.bits !== 8) throw new Error('another picture than this session is for');
		const r = await fetch(`/api/cases/${id}/images/1/frames/${frame}`);
		let want, samples = im.samples;
		if (r.headers.get('Content-Type') === 'image/jpeg') {
			const bitmap = await createImageBitmap(await r.blob(), { colorSpaceConversion: 'none' });
			const sheet = new OffscreenCanvas(im.columns, im.rows).getContext('2d');
			sheet.drawImage(bitmap, 0, 0);
			want = sheet.getImageData(0, 0, im.columns, im.rows).data;
			samples = 4;
		} else want = new Uint8Array(await r.arrayBuffer());
		const canvas = document.querySelector('[data-pane="0"] canvas');
		const x = Math.round(canvas.width / 2 - im.columns / 2), y = Math.round(canvas.height / 2 - im.rows / 2);
		const got = canvas.getContext('2d').getImageData(x, y, im.columns, im.rows).data;
		let n = 0;
		for (let i = 0; i < im.rows * im.columns; i++) for (let k = 0; k < 3; k++) if (got[4 * i + k] !== want[samples * i + (samples > 1 ? k : 0)]) n++;
		return n;
	}, frame);

export const tests = {
	'the canvas shows the server’s pixels, and the study’s hanging puts two loops beside each other': async () => {
		const data = mkdtempSync(join(tmpdir(), 'cineloop-e2e-'));
		const files = await loops(data, { patients: 1, views: 'A4C,A2C', frames: 8 });
		const st = await study({ protocol, members: { cora: ['coordinator'], ann: ['reader'] }, cases: [files] });
		try {
			const b = await browser(st, 'ann');
			const { page } = b;
			await page.getByRole('link', { name: 'Start next case' }).click();
			await page.locator('[data-pane="1"]').waitFor();
			await page.locator('[data-pane="0"][data-shown=true]').waitFor();
			await page.keyboard.press('End');
			for (const pane of [0, 1]) await page.locator(`[data-pane="${pane}"][data-frame="7"]`).waitFor();
			await page.keyboard.press('Home');
			for (const pane of [0, 1]) await page.locator(`[data-pane="${pane}"][data-frame="0"]`).waitFor();
			await page.keyboard.press('z');
			await page.waitForTimeout(200);
			assert.equal(await differing(page, 0), 0);
			await b.shot('beside-each-other');
		} finally {
			await st.close();
			rmSync(data, { recursive: true, force: true });
		}
	},
};
