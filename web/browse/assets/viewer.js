"use strict";
// The viewer: frames of one stack as pictures from the DICOMweb service, scrolled through or played by their own times.
{
  const $ = id => document.getElementById(id);
  const stage = $("stage"), canvas = $("canvas"), ctx = canvas.getContext("2d", { alpha: false });
  const slider = $("slider"), strip = $("strip"), viewer = $("viewer");
  const atOnce = 6;            // requests under way
  const budget = 400e6;        // bytes of decoded pictures that are kept
  const stillRate = 10;        // frames a second where the files say nothing
  const presets = { CT: [["Soft tissue", 40, 400], ["Lung", -600, 1500], ["Bone", 500, 2000], ["Brain", 40, 80], ["Mediastinum", 50, 350], ["Angiography", 300, 600]] };

  let stack = null;            // what the server says of the stack
  let refs = [];               // one for each position: path and frame
  let at = 0, ways = 1;        // position, and where the last step went
  let kept = new Map();        // position → ImageBitmap, in the order of use
  let failed = new Set(), busy = new Map();
  let level = null, invert = false, zoom = 1, panX = 0, panY = 0;
  let playing = false, speed = 1, clock = 0, last = 0, drawn = 0, ticks = [];
  let opened = 0;

  // ---- loading -------------------------------------------------------------------------------------------------------------------

  function url(i) {
    const q = new URLSearchParams();
    if (level && !stack.color) q.set("window", `${level.center},${level.width},linear`);
    const side = Math.ceil(Math.max(stage.clientWidth, stage.clientHeight) * devicePixelRatio * zoomStep());
    if (Math.max(stack.rows, stack.columns) > 1.3 * side) q.set("viewport", `${side},${side}`);
    return `${stack.base}${refs[i].path}/frames/${refs[i].frame}/rendered?${q}`;
  }
  const zoomStep = () => zoom > 2 ? 4 : zoom > 1 ? 2 : 1;

  // wanted are the positions to fetch next: ahead first, where playing leads, then behind.
  function next() {
    const n = refs.length, reach = Math.min(n, limit());
    for (let k = 0; k < (playing || reach < n ? reach : 2 * n); k++) {
      const i = playing ? (at + k) % n : at + (k % 2 ? -ways : ways) * Math.ceil(k / 2);
      if (i >= 0 && i < n && !kept.has(i) && !busy.has(i) && !failed.has(i)) return i;
    }
    return -1;
  }
  const limit = () => Math.max(8, Math.floor(budget / (4 * Math.max(1, Math.min(stack.rows * stack.columns, 4e6)))));

  function load() {
    if (!stack || stack.problem) return;
    while (busy.size < atOnce) {
      const i = next();
      if (i < 0) break;
      const abort = new AbortController(), turn = opened;
      busy.set(i, abort);
      fetch(url(i), { signal: abort.signal, headers: { Accept: "image/jpeg" } })
        .then(r => { if (r.status === 401) location.href = "/login"; if (!r.ok) throw new Error(r.status); return r.blob(); })
        .then(b => createImageBitmap(b))
        .then(bitmap => {
          if (turn !== opened || busy.get(i) !== abort) { bitmap.close(); return; }
          kept.set(i, bitmap);
          while (kept.size > limit()) drop(furthest());
          if (i === at) draw();
        })
        .catch(e => { if (e.name !== "AbortError" && turn === opened) { failed.add(i); if (i === at) draw(); } })
        .finally(() => { if (busy.get(i) === abort) busy.delete(i); if (turn === opened) { progress(); load(); } });
    }
  }
  function furthest() {
    let worst = -1, far = -1;
    for (const i of kept.keys()) {
      const d = playing ? (i - at + refs.length) % refs.length : Math.abs(i - at);
      if (d > far) { far = d; worst = i; }
    }
    return worst;
  }
  function drop(i) { kept.get(i)?.close(); kept.delete(i); }
  function forget() {
    for (const a of busy.values()) a.abort();
    busy.clear();
    for (const i of [...kept.keys()]) drop(i);
    failed.clear();
    opened++;
  }
  function progress() {
    $("loaded").value = refs.length ? (kept.size + failed.size) / Math.min(refs.length, limit()) : 0;
    document.documentElement.dataset.loaded = kept.size;
  }

  // ---- drawing -------------------------------------------------------------------------------------------------------------------

  function size() {
    const w = Math.round(stage.clientWidth * devicePixelRatio), h = Math.round(stage.clientHeight * devicePixelRatio);
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  }
  function draw() {
    size();
    const bitmap = kept.get(at);
    if (bitmap || failed.has(at) || !drawn) {
      ctx.fillStyle = "#000";
      ctx.fillRect(0, 0, canvas.width, canvas.height);
    }
    if (bitmap) {
      const s = zoom * Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height);
      const w = bitmap.width * s, h = bitmap.height * s;
      ctx.imageSmoothingEnabled = s < 3;
      ctx.imageSmoothingQuality = "high";
      ctx.filter = invert ? "invert(1)" : "none";
      ctx.drawImage(bitmap, (canvas.width - w) / 2 + panX * devicePixelRatio, (canvas.height - h) / 2 + panY * devicePixelRatio, w, h);
      ctx.filter = "none";
      drawn++;
    }
    note(stack?.problem || (failed.has(at) ? "This frame can't be shown." : ""));
    words();
  }
  function note(text) { $("note").hidden = !text; $("note").textContent = text; }
  function words() {
    const n = refs.length;
    slider.value = at;
    $("count").textContent = n ? `${at + 1} / ${n}` : "–";
    const many = stack && stack.images.length > 1;
    $("where").textContent = n ? (many ? `Image ${at + 1} of ${n}` : n > 1 ? `Frame ${at + 1} of ${n}` : "") : "";
    $("level").textContent = level && stack && !stack.color ? `C ${round(level.center)}  W ${round(level.width)}` : "";
    slider.setAttribute("aria-valuetext", `${at + 1} of ${n}`);
  }
  const round = v => Math.abs(v) >= 10 ? Math.round(v) : Math.round(v * 100) / 100;

  // ---- moving --------------------------------------------------------------------------------------------------------------------

  function go(i, by) {
    if (!refs.length) return;
    i = Math.max(0, Math.min(refs.length - 1, i));
    if (i === at) return;
    ways = by || Math.sign(i - at);
    at = i;
    clock = times()[at];
    draw();
    load();
  }
  const times = () => stack.times || refs.map((_, i) => i * 1000 / stillRate);
  const duration = () => stack.times ? stack.duration : refs.length * 1000 / stillRate;

  function play(on) {
    if (on && refs.length < 2) on = false;
    playing = on;
    document.documentElement.dataset.playing = on;
    $("play").setAttribute("aria-pressed", on);
    $("play").setAttribute("aria-label", on ? "Stop" : "Play");
    if (on) { clock = times()[at]; last = 0; ticks = []; requestAnimationFrame(tick); load(); }
    rate();
  }
  // tick moves on by the time that passed. A frame that has not come yet stops the clock: what is shown is shown at its own rate.
  function tick(now) {
    if (!playing) return;
    if (last) {
      const t = times(), d = duration();
      let to = (clock + Math.min(now - last, 250) * speed) % d;
      let i = find(t, to);
      if (i !== at) {
        if (kept.has(i) || failed.has(i)) {
          ticks.push([now, (i - at + refs.length) % refs.length]);
          at = i;
          draw();
          if (kept.size + failed.size < refs.length) load();
        } else { to = clock; load(); }
      }
      clock = to;
      while (ticks.length && now - ticks[0][0] > 2000) ticks.shift();
      rate(now);
    }
    last = now;
    requestAnimationFrame(tick);
  }
  function find(t, x) {
    let lo = 0, hi = t.length - 1;
    while (lo < hi) { const mid = (lo + hi + 1) >> 1; if (t[mid] <= x) lo = mid; else hi = mid - 1; }
    return lo;
  }
  function rate(now) {
    let text = "";
    if (stack && refs.length > 1) {
      const nominal = 1000 * refs.length / duration();
      text = stack.times ? `${nominal.toFixed(1)} frames/s` : stack.cine ? "no rate in the file" : "";
      if (playing && now && ticks.length > 4 && now - ticks[0][0] > 400) {
        const shown = 1000 * ticks.slice(1).reduce((s, x) => s + x[1], 0) / (ticks.at(-1)[0] - ticks[0][0]);
        document.documentElement.dataset.fps = shown.toFixed(2);
        text += ` · playing ${shown.toFixed(1)}`;
      }
    }
    if ($("rate").textContent !== text) $("rate").textContent = text;
  }

  // ---- stacks --------------------------------------------------------------------------------------------------------------------

  const thumbs = [...strip.querySelectorAll("[data-stack]")];
  async function open(thumb) {
    if (!thumb) { note(strip.children.length ? "Nothing here has pictures." : "This study is empty."); return; }
    play(false);
    forget();
    const turn = opened;
    for (const t of thumbs) t.setAttribute("aria-current", t === thumb);
    const box = strip.getBoundingClientRect(), r = thumb.getBoundingClientRect();
    if (r.top < box.top || r.bottom > box.bottom || r.left < box.left || r.right > box.right) thumb.scrollIntoView({ block: "nearest", inline: "nearest" });
    stack = null; refs = []; drawn = 0; at = 0; zoom = 1; panX = panY = 0; invert = false; level = null;
    $("invert").setAttribute("aria-pressed", "false");
    let info;
    try {
      const r = await fetch(thumb.dataset.stack);
      if (r.status === 401) { location.href = "/login"; return; }
      if (!r.ok) throw new Error(r.status);
      info = await r.json();
    } catch { if (turn === opened) note("This series can't be read."); return; }
    if (turn !== opened) return;
    stack = info;
    for (const im of stack.images) for (let f = 1; f <= im.frames; f++) refs.push({ path: im.path, frame: f });
    slider.max = Math.max(0, refs.length - 1);
    for (const id of ["play", "back", "ahead", "slider", "speed"]) $(id).disabled = refs.length < 2;
    windows();
    at = stack.cine ? 0 : Math.floor((refs.length - 1) / 2);
    document.documentElement.dataset.frames = refs.length;
    rate(); draw(); load();
    if (stack.cine && !stack.problem && !matchMedia("(prefers-reduced-motion: reduce)").matches) play(true);
  }
  function windows() {
    const list = $("window"), own = (stack.windows || []).map(w => [w.name, w.center, w.width]);
    list.replaceChildren();
    for (const [name, c, w] of [...own, ...(presets[stack.modality] || [])]) {
      const o = new Option(name);
      o.dataset.center = c; o.dataset.width = w;
      list.add(o);
    }
    const off = stack.color || !list.options.length;
    $("windowing").hidden = off;
    level = off || !own.length ? null : { center: own[0][1], width: own[0][2] };
    if (own.length && stack.windows[0].name === "full range") level = null; // each frame by its own range until asked otherwise
  }
  function setLevel(center, width) {
    level = { center, width: Math.max(width, 1e-6) };
    const shown = kept.get(at);
    if (shown) kept.delete(at); // keep it on the screen until the new one comes
    for (const a of busy.values()) a.abort();
    busy.clear();
    for (const i of [...kept.keys()]) drop(i);
    failed.clear();
    opened++;
    words(); progress(); load();
    shown?.close();
  }
  function pick(i) {
    const o = $("window").options[i];
    if (!o || $("windowing").hidden) return;
    $("window").selectedIndex = i;
    setLevel(+o.dataset.center, +o.dataset.width);
  }

  // ---- hands ---------------------------------------------------------------------------------------------------------------------

  strip.addEventListener("click", e => { const t = e.target.closest("[data-stack]"); if (t) { open(t); stage.focus({ preventScroll: true }); } });
  strip.addEventListener("error", e => e.target.classList?.add("broken"), true);
  $("play").onclick = () => play(!playing);
  $("back").onclick = () => { play(false); go(at - 1); };
  $("ahead").onclick = () => { play(false); go(at + 1); };
  slider.oninput = () => { play(false); go(+slider.value); };
  $("speed").onchange = e => { speed = +e.target.value; ticks = []; };
  $("window").onchange = e => { pick(e.target.selectedIndex); e.target.blur(); };
  $("invert").onclick = () => { invert = !invert; $("invert").setAttribute("aria-pressed", invert); draw(); };
  $("full").onclick = () => document.fullscreenElement ? document.exitFullscreen() : viewer.requestFullscreen?.();
  new ResizeObserver(() => draw()).observe(stage);

  let rolled = 0;
  stage.addEventListener("wheel", e => {
    e.preventDefault();
    if (e.ctrlKey) { scale(zoom * Math.exp(-e.deltaY / 300)); return; }
    play(false);
    rolled += e.deltaMode ? e.deltaY * 30 : e.deltaY;
    const step = Math.trunc(rolled / 30);
    if (step) { rolled -= step * 30; go(at + Math.max(-3, Math.min(3, step))); }
  }, { passive: false });

  // Drag: with a mouse the window, with shift or when zoomed in on a telephone the picture, with a finger the stack.
  let drag = null, later = 0;
  stage.addEventListener("pointerdown", e => {
    if (e.button !== 0 || !stack) return;
    stage.setPointerCapture(e.pointerId);
    const base = level || (stack.windows?.[0] && { center: stack.windows[0].center, width: stack.windows[0].width });
    const what = e.shiftKey || (e.pointerType === "touch" && zoom > 1) ? "pan" : e.pointerType === "touch" || stack.color || !base ? "scroll" : "level";
    drag = { x: e.clientX, y: e.clientY, what, base, at, panX, panY, moved: false };
  });
  stage.addEventListener("pointermove", e => {
    if (!drag) return;
    const dx = e.clientX - drag.x, dy = e.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    drag.moved = true;
    if (drag.what === "pan") { panX = drag.panX + dx; panY = drag.panY + dy; draw(); }
    if (drag.what === "scroll" && refs.length > 1) { play(false); go(drag.at + Math.round(dy / Math.max(3, Math.min(24, stage.clientHeight / refs.length)))); }
    if (drag.what === "level") {
      const k = drag.base.width / 300;
      level = { center: drag.base.center + dy * k, width: Math.max(drag.base.width + dx * k, drag.base.width / 300) };
      words();
      if (!later) later = setTimeout(() => { later = 0; setLevel(level.center, level.width); }, 80);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, e => {
    if (drag && !drag.moved && end === "pointerup" && e.pointerType === "touch" && refs.length > 1) play(!playing);
    drag = null;
  });
  function scale(to) {
    const before = zoomStep();
    zoom = Math.max(1, Math.min(16, to));
    if (zoom === 1) panX = panY = 0;
    if (zoomStep() > before && Math.max(stack.rows, stack.columns) > Math.max(canvas.width, canvas.height)) { const l = level; forget(); level = l; load(); }
    draw();
  }

  addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]") || e.target.closest("select")) return;
    const on = thumbs.findIndex(t => t.getAttribute("aria-current") === "true");
    const keys = {
      " ": () => play(!playing),
      ArrowLeft: () => { play(false); go(at - 1); }, ArrowRight: () => { play(false); go(at + 1); },
      PageUp: () => { play(false); go(at - 10); }, PageDown: () => { play(false); go(at + 10); },
      Home: () => { play(false); go(0); }, End: () => { play(false); go(refs.length - 1); },
      ArrowUp: () => on > 0 && open(thumbs[on - 1]), ArrowDown: () => on < thumbs.length - 1 && open(thumbs[on + 1]),
      "[": () => faster(-1), "]": () => faster(1), i: () => $("invert").click(), f: () => $("full").click(),
      "+": () => scale(zoom * 1.25), "=": () => scale(zoom * 1.25), "-": () => scale(zoom / 1.25), "0": () => { zoom = 1; scale(1); },
      Escape: () => { if (!document.fullscreenElement) location.href = "/"; },
    };
    if (e.key >= "1" && e.key <= "9") { pick(+e.key - 1); return; }
    if (keys[e.key] && !(e.key === " " && e.target.closest("button, a") && e.target !== $("play") && !e.target.dataset.stack)) { e.preventDefault(); keys[e.key](); }
  });
  function faster(by) {
    const s = $("speed");
    s.selectedIndex = Math.max(0, Math.min(s.options.length - 1, s.selectedIndex + by));
    s.onchange({ target: s });
  }

  open(thumbs[0]);
  stage.focus({ preventScroll: true });
}
