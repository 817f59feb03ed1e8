"use strict";
// Shows the loops of a case: frames as they are sent, windowed here, played by the times of the header.
const caseID = document.querySelector("main").dataset.case;

function toGrey(image, raw, rgba) {
  const n = image.rows * image.columns;
  const bytes = new Uint8Array(raw);
  const view = new DataView(raw);
  const { slope, intercept } = image.rescale || { slope: 1, intercept: 0 };
  const value = i => (image.bits === 16
    ? (image.signed ? view.getInt16(2 * i, true) : view.getUint16(2 * i, true))
    : (image.signed ? (bytes[i] << 24) >> 24 : bytes[i])) * slope + intercept;
  let window = image.windows && image.windows[0];
  if (!window && image.bits === 16) {
    let lo = Infinity, hi = -Infinity;
    for (let i = 0; i < n; i++) { const v = value(i); lo = Math.min(lo, v); hi = Math.max(hi, v); }
    window = { center: (lo + hi) / 2, width: Math.max(1, hi - lo) };
  }
  for (let i = 0; i < n; i++) {
    const v = value(i);
    let y = window ? ((v - window.center) / window.width + 0.5) * 255 : v;
    if (image.inverse) y = 255 - y;
    rgba[4 * i] = rgba[4 * i + 1] = rgba[4 * i + 2] = y;
    rgba[4 * i + 3] = 255;
  }
}

async function load(image, frame) {
  const answer = await fetch(`/api/cases/${caseID}/images/${image.number}/frames/${frame}`);
  if (!answer.ok) throw new Error((await answer.json()).message);
  if (answer.headers.get("Content-Type") === "image/jpeg") return createImageBitmap(await answer.blob());
  const raw = await answer.arrayBuffer();
  const out = new ImageData(image.columns, image.rows);
  if (image.samples === 3) {
    const bytes = new Uint8Array(raw);
    for (let i = 0, j = 0; i < bytes.length; i += 3, j += 4) {
      out.data[j] = bytes[i]; out.data[j + 1] = bytes[i + 1]; out.data[j + 2] = bytes[i + 2]; out.data[j + 3] = 255;
    }
  } else {
    toGrey(image, raw, out.data);
  }
  return createImageBitmap(out);
}

async function start(image) {
  const figure = document.querySelector(`figure[data-image="${image.number}"]`);
  const canvas = figure.querySelector("canvas"), told = figure.querySelector("output");
  const context = canvas.getContext("2d"), slider = figure.querySelector("input"), button = figure.querySelector("button");
  const frames = [];
  if (image.aspect !== 1) canvas.height = Math.round(image.rows * image.aspect);
  const show = i => { if (frames[i]) { context.drawImage(frames[i], 0, 0, canvas.width, canvas.height); told.value = `frame ${i + 1}`; if (slider) slider.value = i; } };
  frames[0] = await load(image, 0);
  show(0);
  if (!slider) return;
  const times = image.times_ms || Array.from({ length: image.frames }, (_, i) => i * 1000 / 30);
  const length = times[image.frames - 1] + times[1] - times[0];
  let from = null;
  const tick = now => {
    if (from === null) return;
    const at = (now - from) % length;
    let i = 0;
    while (i + 1 < image.frames && times[i + 1] <= at) i++;
    show(i);
    requestAnimationFrame(tick);
  };
  button.addEventListener("click", () => {
    from = from === null ? performance.now() - times[slider.value] : null;
    button.textContent = from === null ? "Play" : "Stop";
    if (from !== null) requestAnimationFrame(tick);
  });
  slider.addEventListener("input", () => { from = null; button.textContent = "Play"; show(Number(slider.value)); });
  for (let i = 1; i < image.frames; i++) frames[i] = await load(image, i);
  figure.dataset.loaded = "yes";
}

fetch(`/api/cases/${caseID}`).then(async answer => {
  if (!answer.ok) throw new Error((await answer.json()).message);
  for (const image of (await answer.json()).images) await start(image).catch(e => { document.querySelector(`figure[data-image="${image.number}"] output`).value = e.message; });
});
