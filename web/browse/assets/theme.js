"use strict";
// Runs before the page is drawn, so that it never flashes in the other scheme.
{
  const root = document.documentElement;
  try { const kept = localStorage.getItem("scheme"); if (kept) root.dataset.scheme = kept; } catch { /* storage is off */ }
  const flip = () => {
    const dark = root.dataset.scheme ? root.dataset.scheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.scheme = dark ? "light" : "dark";
    try { localStorage.setItem("scheme", root.dataset.scheme); } catch { /* for this page only */ }
  };
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", flip);
    document.getElementById("help")?.addEventListener("click", () => document.getElementById("keys").showModal());
  });
  addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.("input:not([type=range]), select, dialog")) return;
    if (e.key === "t") flip();
    if (e.key === "?") document.getElementById("keys")?.showModal();
  });
}
