// One camera, large: figures, keys, touch, full screen, and the answers of the camera to what it was asked for.
import { Player } from "./player.js";

document.documentElement.classList.add("has-js");
const stage = document.querySelector("[data-stage]");
const root = stage.querySelector("[data-player]");
const controls = document.querySelector("[data-controls]");
const player = new Player(root);
if (root.dataset.state === "private") player.show("private");
else player.start();

// Figures -------------------------------------------------------------------------------------------------
const figure = (name) => stage.querySelector(`[data-figure=${name}]`);
const language = document.documentElement.lang;
const oneDigit = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const inKb = (bytes) => (bytes ? `${Math.round(bytes / 1024)} KB` : "–");

root.addEventListener("player:figures", ({ detail }) => {
  figure("fps").textContent = oneDigit.format(detail.fps);
  figure("delay").textContent = detail.delayMs === undefined ? "–" : Math.round(detail.delayMs);
  figure("size").textContent = detail.bytes ? `${detail.width} × ${detail.height}` : "–";
  figure("bytes").textContent = inKb(detail.bytes);
});

// What one presses ------------------------------------------------------------------------------------------
const pauseButton = stage.querySelector("[data-do=pause]");
const doing = { pause, full, save, help };

function pause() {
  player.togglePause();
  pauseButton.setAttribute("aria-pressed", String(player.isPaused));
}

function full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else stage.requestFullscreen?.();
}

function save() {
  stage.querySelector("[data-do=save]")?.click();
}

function help() {
  document.querySelector("[data-dialog=keys]").click();
}

function go(address) {
  if (address) location.assign(address);
}

stage.addEventListener("click", (event) => {
  const name = event.target.closest("button[data-do]")?.dataset.do;
  if (name === "pause" || name === "full") doing[name]();
});

const KEYS = {
  ArrowLeft: () => go(stage.dataset.previous),
  ArrowRight: () => go(stage.dataset.next),
  f: full,
  s: save,
  " ": pause,
  "?": help,
  "+": () => zoomTo(zoom * 1.5),
  "-": () => zoomTo(zoom / 1.5),
  0: () => zoomTo(1),
};

document.addEventListener("keydown", (event) => {
  const isElsewhere = event.target.closest("input, select, textarea, dialog, summary, a, button");
  const isTyped = event.target.closest("input, select, textarea, dialog");
  if (event.ctrlKey || event.metaKey || event.altKey || isTyped || (event.key === " " && isElsewhere)) return;
  const act = KEYS[event.key];
  if (!act || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  act();
});

// Closer, farther, aside: two fingers, two taps, the wheel in full screen ---------------------------------------
const MOST_ZOOM = 6;
const SWIPE_PX = 60;
const TAP_MS = 300;
let zoom = 1;
let shift = { x: 0, y: 0 };
const fingers = new Map();
let pinch;
let begun;
let tappedAt = 0;

function zoomTo(wanted, at = middle()) {
  const next = Math.min(MOST_ZOOM, Math.max(1, wanted));
  shift = { x: at.x - ((at.x - shift.x) / zoom) * next, y: at.y - ((at.y - shift.y) / zoom) * next };
  zoom = next;
  place();
}

function middle() {
  return { x: root.clientWidth / 2, y: root.clientHeight / 2 };
}

function place() {
  shift.x = Math.min(0, Math.max(root.clientWidth * (1 - zoom), shift.x));
  shift.y = Math.min(0, Math.max(root.clientHeight * (1 - zoom), shift.y));
  for (const shown of root.querySelectorAll("canvas, .player-mjpeg")) {
    shown.style.transform = zoom === 1 ? "" : `translate(${shift.x}px, ${shift.y}px) scale(${zoom})`;
  }
  root.classList.toggle("is-zoomed", zoom > 1);
}

const spot = ({ clientX, clientY }) => {
  const box = root.getBoundingClientRect();
  return { x: clientX - box.left, y: clientY - box.top };
};

root.addEventListener("pointerdown", (event) => {
  fingers.set(event.pointerId, spot(event));
  begun = { ...spot(event), at: event.timeStamp, wasAlone: fingers.size === 1 };
  if (zoom > 1 || fingers.size > 1) root.setPointerCapture(event.pointerId);
  pinch = fingers.size === 2 ? { apart: apart(), zoom } : undefined;
});

function apart() {
  const [one, other] = [...fingers.values()];
  return Math.hypot(one.x - other.x, one.y - other.y);
}

root.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const now = spot(event);
  fingers.set(event.pointerId, now);
  if (pinch && fingers.size === 2) {
    const [one, other] = [...fingers.values()];
    zoomTo((pinch.zoom * apart()) / pinch.apart, { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
  } else if (zoom > 1) {
    shift = { x: shift.x + now.x - before.x, y: shift.y + now.y - before.y };
    place();
  }
});

root.addEventListener("pointerup", (event) => {
  const end = spot(event);
  const wasPinch = pinch !== undefined;
  letGo(event);
  if (!begun || wasPinch) return;
  const { x, y, at } = begun;
  const dx = end.x - x;
  const isTap = Math.hypot(dx, end.y - y) < 12 && event.timeStamp - at < TAP_MS;
  if (isTap) tap(event, end);
  else if (zoom === 1 && event.pointerType === "touch" && Math.abs(dx) > SWIPE_PX && Math.abs(dx) > 2 * Math.abs(end.y - y)) {
    go(dx > 0 ? stage.dataset.previous : stage.dataset.next);
  }
});
root.addEventListener("pointercancel", letGo);

function letGo(event) {
  fingers.delete(event.pointerId);
  if (fingers.size < 2) pinch = undefined;
}

function tap(event, at) {
  const isSecond = event.timeStamp - tappedAt < TAP_MS;
  tappedAt = isSecond ? 0 : event.timeStamp;
  if (isSecond) zoomTo(zoom > 1 ? 1 : 2.5, at);
}

root.addEventListener(
  "wheel",
  (event) => {
    if (!event.ctrlKey && !document.fullscreenElement) return; // the page scrolls
    event.preventDefault();
    zoomTo(zoom * Math.exp(-event.deltaY / 300), spot(event));
  },
  { passive: false },
);
document.addEventListener("fullscreenchange", () => zoomTo(1));

// Controls: what was asked for stays marked until the camera has answered ---------------------------------------
const formOf = (cmd) => controls?.querySelector(`form[data-control="${CSS.escape(cmd)}"]`);

function say(form, state) {
  const answer = form.querySelector("[data-answer]");
  answer.className = `answer is-${state}`;
  answer.textContent = { pending: controls.dataset.asked, ok: controls.dataset.done, error: controls.dataset.refused }[state] ?? "";
}

function put(form, value) {
  const field = form.elements.val;
  if (value === "" || value === undefined || value === null || document.activeElement === field) return;
  field.value = value;
  const output = form.querySelector("output");
  if (output) output.textContent = value;
}

controls?.addEventListener("input", (event) => {
  const output = event.target.form?.querySelector("output");
  if (output) output.textContent = event.target.value;
});
controls?.addEventListener("change", (event) => event.target.form && say(event.target.form, "pending"));
controls?.addEventListener("submit", (event) => event.preventDefault());

root.addEventListener("player:message", ({ detail }) => {
  if (detail.type !== "response" || !controls) return;
  const form = formOf(detail.cmd ?? "");
  if (!form) return;
  say(form, detail.status === "ok" ? "ok" : "error");
  if (detail.status === "ok") put(form, detail.value);
});

// The server's own word for it: also where no WebSocket gets through
function hearAnswers() {
  for (const row of document.querySelectorAll("#answers [data-cmd]")) {
    const form = formOf(row.dataset.cmd);
    if (!form) continue;
    const wasPending = form.querySelector(".answer.is-pending") !== null;
    if (row.dataset.pending) say(form, "pending");
    else if (wasPending) say(form, row.dataset.set ? "ok" : "error"); // what is refused is not kept as set
    put(form, row.dataset.value);
  }
}

document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "answers") hearAnswers();
  if (target.id === "head") hearStanding();
});

// Privacy that somebody else switched: the page of before is of no use
function hearStanding() {
  const isPrivate = Boolean(document.querySelector("[data-standing]")?.dataset.private);
  if (isPrivate !== (root.dataset.state === "private")) location.reload();
}
