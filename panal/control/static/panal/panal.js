// What the pages do beyond HTML and htmx: dialogs, toasts, copying, bulk selection, the bench's button, the lost connection.
// Every page works without this file; it only makes it quicker.
import "./morph.js";
import "./tabs.js";
import { drawPlots } from "./plots.js";

const TOAST_MS = 7000;
const SILENCE_MS = 4000;
const STALE_MS = 400;
const RETRY_MS = 2000;

const closest = (event, selector) => event.target instanceof Element && event.target.closest(selector);

// Toasts ------------------------------------------------------------------------------------------------
function showToast({ text, level = "success" }) {
  const toast = document.createElement("div");
  toast.className = `toast is-${level}`;
  toast.dataset.toast = "";
  toast.append(text);
  document.getElementById("toasts").append(toast);
  dismissLater(toast);
}

function dismissLater(toast) {
  if (!toast.classList.contains("is-error")) setTimeout(() => toast.remove(), TOAST_MS);
}

document.querySelectorAll("[data-toast]").forEach(dismissLater);
document.addEventListener("toast", (event) => showToast(event.detail));

// Dialogs: a link that opens one also works as an address, where the server renders the dialog open --------
document.addEventListener("click", (event) => {
  const opener = closest(event, "[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (!dialog) return;
    event.preventDefault();
    openMenus().forEach(closeMenu); // before the dialog: what has the focus now gets it back after it
    dialog.close();
    dialog.showModal();
  } else if (closest(event, "[data-close-dialog]")) {
    event.preventDefault();
    event.target.closest("dialog").close();
  } else if (event.target instanceof HTMLDialogElement) {
    event.target.close(); // the backdrop
  } else if (closest(event, "[data-close-toast]")) {
    event.target.closest("[data-toast]").remove();
  }
  for (const menu of openMenus()) if (!menu.contains(event.target)) closeMenu(menu);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") openMenus().forEach(closeMenu);
});

function openMenus() {
  return document.querySelectorAll("[data-closes-outside][open]");
}

function closeMenu(menu) {
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu.open = false;
}

for (const dialog of document.querySelectorAll("dialog[open]")) {
  dialog.close();
  dialog.showModal();
}

// Copying -------------------------------------------------------------------------------------------------
document.addEventListener("click", async (event) => {
  const button = closest(event, "[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    showToast({ text: button.dataset.copied });
  } catch {
    getSelection().selectAllChildren(source); // plain HTTP has no clipboard: the person copies the selection
  }
});

// Bulk selection --------------------------------------------------------------------------------------------
document.addEventListener("change", (event) => {
  const all = closest(event, "[data-tick-all]");
  const form = closest(event, "form[data-bulk]");
  if (!form) return;
  const ticks = [...form.querySelectorAll("input[name=device]")];
  if (all) ticks.forEach((tick) => (tick.checked = all.checked));
  form.querySelector("[data-count]").textContent = ticks.filter((tick) => tick.checked).length;
});

// A part is not replaced under somebody's hands ---------------------------------------------------------------
let pressed = null; // under a finger or the mouse: what is let go must be what was pressed
document.addEventListener("pointerdown", (event) => (pressed = event.target));
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(() => (pressed = null)));

function isInUse(part) {
  const active = document.activeElement;
  const isTyping = part.contains(active) && active.matches("input:not(.light-level), select, textarea");
  return isTyping || part.contains(pressed) || part.querySelector("input[name=device]:checked, [data-bulk-kept] input:checked, dialog[open], details[open]:not([data-place]), [data-held], .htmx-request") !== null;
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  if (!part.matches("[data-live]")) return;
  const waits = document.hidden || isInUse(part);
  part.toggleAttribute("data-stale", waits);
  if (waits) event.preventDefault();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.elt;
  if (!part.matches?.("[data-live]") || !isInUse(part)) return; // somebody has begun while the answer was on its way
  event.detail.shouldSwap = false;
  part.setAttribute("data-stale", "");
});
setInterval(refreshStale, STALE_MS);
document.addEventListener("htmx:afterSwap", (event) => drawPlots(event.target));
document.addEventListener("visibilitychange", refreshStale);

// What could not be fetched is tried again; who was signed out, or may not see this any more, gets the whole page anew
for (const failure of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(failure, (event) => {
    const part = event.detail.elt;
    if (!part.matches("[data-live]")) return;
    if ([403, 404].includes(event.detail.xhr.status)) location.reload();
    else setTimeout(() => part.setAttribute("data-stale", ""), RETRY_MS);
  });
}
document.addEventListener("htmx:beforeSwap", (event) => {
  const { pathname } = new URL(event.detail.xhr.responseURL || location.href, location.href);
  if (!pathname.startsWith("/accounts/login/")) return;
  event.preventDefault();
  location.reload();
});

function refreshStale() {
  if (document.hidden) return;
  for (const part of document.querySelectorAll("[data-stale]")) if (!isInUse(part)) window.htmx.trigger(part, "panal:part");
}

function refreshParts() {
  window.htmx?.trigger(document.body, "panal:fresh");
}

// The connection of the live page -----------------------------------------------------------------------------
let silence;
document.addEventListener("htmx:sseError", () => {
  silence ??= setTimeout(() => (document.getElementById("connection").hidden = false), SILENCE_MS);
});
document.addEventListener("htmx:sseOpen", () => {
  const wasLost = silence !== undefined;
  clearTimeout(silence);
  silence = undefined;
  document.getElementById("connection").hidden = true;
  if (wasLost) refreshParts(); // what happened meanwhile was not heard
});

// The bench's button: it is down for as long as the person holds it ---------------------------------------------
let held;
document.addEventListener("pointerdown", (event) => {
  const button = closest(event, "[data-press]:not(:disabled)");
  if (!button || event.button !== 0) return;
  held = { button, since: performance.now() };
  button.dataset.held = "";
  button.classList.add("is-held");
});
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, letGo);

function letGo() {
  if (!held) return;
  const { button, since } = held;
  held = undefined;
  delete button.dataset.held;
  button.classList.remove("is-held");
  button.form.elements.ms.value = Math.round(Math.max(80, performance.now() - since));
  button.form.requestSubmit();
  button.dataset.sent = "";
}

document.addEventListener("click", (event) => {
  const button = closest(event, "[data-press]");
  if (button && "sent" in button.dataset) event.preventDefault(); // the pointer has already sent it; keys have not
  if (button) delete button.dataset.sent;
});
document.addEventListener("contextmenu", (event) => closest(event, "[data-press]") && event.preventDefault());

// The home: an icon and a title that say when a board of it is away, a notice and a sound when that changes ------------
const HOME = "panal.home";
const usualIcon = document.querySelector("link[rel=icon]")?.href;

document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.target.matches?.("[data-frame]") && event.target.querySelector("[data-home]");
  if (said) tellHome(said, event.target.dataset.awayIcon);
});

function tellHome(said, awayIcon) {
  const { home, text, sound } = said.dataset;
  const isAway = home === "away";
  document.querySelector("link[rel=icon]").href = isAway ? awayIcon : usualIcon;
  document.title = `${isAway ? "⚠ " : ""}${document.title.replace(/^⚠ /u, "")}`;
  const before = sessionStorage.getItem(HOME);
  sessionStorage.setItem(HOME, home);
  if (!before || before === home || home === "none" || before === "none" || !text) return;
  showToast({ text, level: isAway ? "error" : "success" });
  if (sound !== undefined) play(isAway ? [660, 440] : [440, 660]);
}

function play(tones) {
  const audio = new AudioContext(); // silent until somebody has touched the page: browsers want it so
  tones.forEach((hertz, at) => {
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.12, audio.currentTime + at * 0.22);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + at * 0.22 + 0.2);
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + at * 0.22);
    tone.stop(audio.currentTime + at * 0.22 + 0.2);
  });
}

drawPlots(document);
