"use strict";
// The list answers while one types. What is searched for travels in a request's body: a URL would end up in logs and histories.
{
  const form = document.getElementById("search"), results = document.getElementById("results");
  let timer, asked = 0, shown = 0, current = -1;

  async function search(offset) {
    const turn = ++asked, body = new URLSearchParams(new FormData(form));
    if (offset) body.set("offset", offset);
    results.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch("/", { method: "POST", body, headers: { "X-Part": "rows" } });
      if (answer.status === 401) { location.href = "/login"; return; }
      const html = await answer.text();
      if (turn < shown) return; // a later search was faster
      shown = turn;
      if (answer.ok) results.innerHTML = html; // escaped by the server's templates
      current = -1;
    } finally {
      if (turn === asked) results.setAttribute("aria-busy", "false");
    }
    if (offset !== undefined) scrollTo({ top: 0 });
  }

  const soon = () => { clearTimeout(timer); timer = setTimeout(() => search(), 120); };
  form.addEventListener("input", soon);
  form.addEventListener("reset", () => setTimeout(() => {
    for (const f of form.elements) if (f.name) f.value = ""; // also what the server filled in
    search();
  }));
  form.addEventListener("submit", e => {
    e.preventDefault();
    clearTimeout(timer);
    search(e.submitter?.name === "offset" ? e.submitter.value : undefined);
  });
  results.addEventListener("click", e => {
    const row = e.target.closest("tbody tr");
    if (row && !e.target.closest("a") && !getSelection().toString()) row.querySelector("a").click();
  });

  function choose(to) {
    const rows = results.querySelectorAll("tbody tr");
    if (!rows.length) return;
    current = Math.max(0, Math.min(rows.length - 1, to));
    rows[current].querySelector("a").focus();
  }
  results.addEventListener("focusin", e => {
    const row = e.target.closest("tbody tr");
    if (row) current = [...row.parentNode.children].indexOf(row);
  });
  addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
    const typing = e.target.closest("input, select");
    if (e.key === "Escape") { if (typing) e.target.blur(); form.reset(); return; }
    if (typing) { if (e.key === "ArrowDown" && typing.type === "search") { e.preventDefault(); choose(0); } return; }
    switch (e.key) {
      case "/": e.preventDefault(); form.elements.name.focus(); break;
      case "j": case "ArrowDown": e.preventDefault(); choose(current + 1); break;
      case "k": case "ArrowUp": e.preventDefault(); choose(current - 1); break;
      case "n": results.querySelector("[data-page=next]")?.click(); break;
      case "p": results.querySelector("[data-page=prev]")?.click(); break;
    }
  });
}
