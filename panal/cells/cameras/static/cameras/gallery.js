// Pictures one after the other, large: by arrow keys, buttons and swiping.
import "./kept.js";

const viewer = document.getElementById("viewer");
const shown = viewer.querySelector("[data-shown]");
let at = -1;

const links = () => [...document.querySelectorAll("[data-view]")];

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("[data-view]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(links().indexOf(link));
  viewer.showModal();
});

function show(index) {
  const all = links();
  if (!all.length) return viewer.close();
  at = (index + all.length) % all.length;
  const link = all[at];
  shown.src = link.href;
  shown.alt = link.querySelector("img").alt;
  viewer.querySelector("[data-when-shown]").textContent = `${link.dataset.at} · ${at + 1} / ${all.length}`;
  viewer.querySelector("[data-download]").href = `${link.href}?download`;
  mark();
}

const tick = () => links()[at]?.closest(".shot").querySelector("input[type=checkbox]");

function mark() {
  viewer.querySelector("[data-mark]")?.setAttribute("aria-pressed", String(tick()?.checked ?? false));
}

function turn() {
  tick()?.click();
  mark();
}

viewer.addEventListener("click", (event) => {
  const step = event.target.closest("[data-step]");
  if (step) show(at + Number(step.dataset.step));
  if (event.target.closest("[data-mark]")) turn();
});

const KEYS = { ArrowLeft: () => show(at - 1), ArrowRight: () => show(at + 1), x: turn, d: () => viewer.querySelector("[data-download]").click() };
viewer.addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  KEYS[event.key]();
});

let begun;
const picture = viewer.querySelector(".viewer-picture");
picture.addEventListener("pointerdown", (event) => (begun = event.clientX));
picture.addEventListener("pointerup", (event) => {
  const dx = event.clientX - begun;
  if (Math.abs(dx) > 60) show(at + (dx > 0 ? -1 : 1));
});
