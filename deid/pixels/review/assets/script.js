"use strict";
// One group at a time is edited. Rectangles are in pixels of the image and are shown on every sample of the group.
const NS = "http://www.w3.org/2000/svg";
const words = { accept: "accepted", fix: "rectangles saved", pass: "passes as it is", quarantine: "held back" };

async function decide(group, decision) {
  const said = group.querySelector(".said");
  try {
    const r = await fetch("/decide", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ id: group.dataset.id, ...decision }) });
    if (!r.ok) throw new Error(await r.text());
    const now = await r.json();
    document.getElementById("ready").textContent = now.decided;
    show(group, decision.action);
    return true;
  } catch (e) {
    said.textContent = "Not saved: " + e.message;
    said.className = "said bad";
    return false;
  }
}

function show(group, action) {
  group.dataset.action = action;
  for (const b of group.querySelectorAll(".choices button")) b.setAttribute("aria-pressed", String(b.dataset.do === action || b.dataset.do === "edit" && action === "fix"));
  const said = group.querySelector(".said");
  said.textContent = action ? words[action] : "";
  said.className = "said good";
}

// found is what the detectors marked, joined over the samples: where editing begins.
function found(group) {
  const all = [];
  for (const r of group.querySelectorAll("rect.text")) {
    let [x0, y0] = [+r.getAttribute("x"), +r.getAttribute("y")];
    let b = [x0, y0, x0 + +r.getAttribute("width"), y0 + +r.getAttribute("height")];
    for (let again = true; again;) {
      again = false;
      for (let i = 0; i < all.length; i++) {
        const o = all[i];
        if (o[0] < b[2] && b[0] < o[2] && o[1] < b[3] && b[1] < o[3]) {
          b = [Math.min(o[0], b[0]), Math.min(o[1], b[1]), Math.max(o[2], b[2]), Math.max(o[3], b[3])];
          all.splice(i, 1);
          again = true;
          break;
        }
      }
    }
    all.push(b);
  }
  return all;
}

function draw(group) {
  const st = group.state;
  for (const g of group.querySelectorAll("g.own")) {
    g.replaceChildren();
    st.rects.forEach((r, i) => {
      const e = document.createElementNS(NS, "rect");
      for (const [k, v] of Object.entries({ x: r[0], y: r[1], width: r[2] - r[0], height: r[3] - r[1], tabindex: 0, "data-i": i })) e.setAttribute(k, v);
      e.setAttribute("aria-label", `rectangle ${i + 1}`);
      if (i === st.chosen) e.classList.add("chosen");
      g.append(e);
      if (i === st.chosen) {
        const side = group.dataset.w / g.ownerSVGElement.getBoundingClientRect().width * 12, c = document.createElementNS(NS, "rect");
        for (const [k, v] of Object.entries({ x: r[2] - side / 2, y: r[3] - side / 2, width: side, height: side, class: "corner", "data-corner": i })) c.setAttribute(k, v);
        g.append(c);
      }
    });
  }
  const n = st.rects.length;
  group.querySelector(".count").textContent = n === 1 ? "1 rectangle" : `${n} rectangles`;
}

const clamp = (v, lo, hi) => Math.min(Math.max(v, lo), hi);

function edit(group) {
  const w = +group.dataset.w, h = +group.dataset.h;
  group.state ??= { rects: found(group), chosen: -1 };
  group.classList.add("editing");
  group.querySelector(".editor").hidden = false;
  for (const svg of group.querySelectorAll(".picture svg")) {
    svg.setAttribute("aria-hidden", "false");
    if (svg.wired) continue;
    svg.wired = true;
    const at = e => {
      const b = svg.getBoundingClientRect();
      return [clamp(Math.round((e.clientX - b.left) / b.width * w), 0, w), clamp(Math.round((e.clientY - b.top) / b.height * h), 0, h)];
    };
    let drag = null;
    svg.addEventListener("pointerdown", e => {
      if (!group.classList.contains("editing") || e.button) return;
      e.preventDefault();
      const st = group.state, p = at(e), t = e.target.dataset;
      if (t.corner !== undefined) drag = { i: +t.corner, size: true };
      else if (t.i !== undefined) drag = { i: +t.i, from: p, was: [...st.rects[+t.i]] };
      else {
        st.rects.push([p[0], p[1], p[0], p[1]]);
        drag = { i: st.rects.length - 1, anchor: p };
      }
      st.chosen = drag.i;
      svg.setPointerCapture(e.pointerId);
      draw(group);
    });
    svg.addEventListener("pointermove", e => {
      if (!drag) return;
      const r = group.state.rects[drag.i], p = at(e);
      if (drag.anchor) [r[0], r[1], r[2], r[3]] = [Math.min(p[0], drag.anchor[0]), Math.min(p[1], drag.anchor[1]), Math.max(p[0], drag.anchor[0]), Math.max(p[1], drag.anchor[1])];
      else if (drag.size) [r[2], r[3]] = [Math.max(p[0], r[0] + 1), Math.max(p[1], r[1] + 1)];
      else move(r, drag.was, p[0] - drag.from[0], p[1] - drag.from[1], w, h);
      draw(group);
    });
    const end = () => {
      if (!drag) return;
      const st = group.state, r = st.rects[drag.i];
      if (r[2] - r[0] < 2 || r[3] - r[1] < 2) { st.rects.splice(drag.i, 1); st.chosen = -1; }
      drag = null;
      draw(group);
    };
    svg.addEventListener("pointerup", end);
    svg.addEventListener("pointercancel", end);
    svg.addEventListener("keydown", e => {
      const st = group.state, i = +(e.target.dataset.i ?? -1);
      if (!group.classList.contains("editing") || i < 0) return;
      const step = e.shiftKey ? 10 : 1, d = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[e.key];
      st.chosen = i;
      if (d) move(st.rects[i], [...st.rects[i]], d[0], d[1], w, h);
      else if (e.key === "Delete" || e.key === "Backspace") { st.rects.splice(i, 1); st.chosen = -1; }
      else return;
      e.preventDefault();
      draw(group);
      svg.querySelector(`[data-i="${st.chosen}"]`)?.focus();
    });
  }
  draw(group);
}

function move(r, was, dx, dy, w, h) {
  dx = clamp(dx, -was[0], w - was[2]);
  dy = clamp(dy, -was[1], h - was[3]);
  [r[0], r[1], r[2], r[3]] = [was[0] + dx, was[1] + dy, was[2] + dx, was[3] + dy];
}

function leave(group) {
  group.classList.remove("editing");
  group.querySelector(".editor").hidden = true;
}

for (const group of document.querySelectorAll(".group")) {
  show(group, group.dataset.action);
  group.addEventListener("click", async e => {
    const what = e.target.closest("button")?.dataset.do;
    if (!what) return;
    if (what === "edit") edit(group);
    else if (what === "cancel") {
      delete group.state;
      for (const g of group.querySelectorAll("g.own")) g.replaceChildren();
      leave(group);
    } else if (what === "fix") {
      if (await decide(group, { action: "fix", rectangles: group.state.rects, only: group.querySelector("[data-only]").checked })) leave(group);
    } else {
      const again = group.dataset.action === what; // a second press takes it back
      if (await decide(group, { action: again ? "" : what })) leave(group);
    }
  });
}
