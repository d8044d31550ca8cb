// Recordings of a day, played picture by picture where the browser cannot play them itself; one clip follows the other.
import "./kept.js";
import { load } from "./clip.js";

const SPEEDS = [1, 2, 4, 8, 0.5];
const AHEAD_MS = 4000;
const BEFORE_MS = 3000;
const GAP_MS = 3000;
const SOON_MS = 10000;

const viewer = document.getElementById("viewer");
const screen = viewer.querySelector("[data-screen]");
const drawing = screen.getContext("2d", { alpha: false });
const seek = viewer.querySelector("[data-seek]");
const clock = viewer.querySelector("[data-clock]");
const playButton = viewer.querySelector("[data-play]");
const speedButton = viewer.querySelector("[data-speed]");
const download = viewer.querySelector("[data-download]");
const listAddress = document.querySelector("[data-playlist]").dataset.playlist;
const time = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" });

// What is played: clips in order, of which each is loaded when it is due
let clips = [];
let now = 0;
let speed = 1;
let isPlaying = false;
let ticking = 0;
let drawn;
let isSeeking = false;
const loaded = new Map();

async function open(fromMs) {
  const answer = await fetch(`${listAddress}?from=${Math.round(fromMs)}`);
  if (!answer.ok) return false;
  const all = (await answer.json()).clips;
  const gap = all.findIndex((clip, index) => index && clip.at_ms - all[index - 1].ended_ms >= GAP_MS);
  clips = gap < 0 ? all : all.slice(0, gap); // up to where nothing was recorded
  if (!clips.length || clips[0].at_ms > fromMs + SOON_MS) return false; // nothing was recorded then
  loaded.clear();
  now = Math.max(fromMs, clips[0].at_ms);
  isPlaying = true;
  if (!viewer.open) viewer.showModal();
  run();
  return true;
}

const begin = () => clips[0].at_ms;
const end = () => clips.at(-1).ended_ms;
const clipAt = (ms) => clips.find((clip) => ms < clip.ended_ms) ?? clips.at(-1);

function framesOf(clip) {
  if (!loaded.has(clip.id)) {
    loaded.set(clip.id, {});
    fetchClip(clip);
  }
  return loaded.get(clip.id).frames;
}

async function fetchClip(clip) {
  try {
    loaded.set(clip.id, { frames: await load(clip.url) });
  } catch {
    loaded.set(clip.id, { frames: [] }); // deleted meanwhile
  }
}

function run() {
  cancelAnimationFrame(ticking);
  let before = performance.now();
  const tick = async (at) => {
    const passed = at - before;
    before = at;
    if (!viewer.open) return;
    await step(passed);
    ticking = requestAnimationFrame(tick);
  };
  ticking = requestAnimationFrame(tick);
}

async function step(passedMs) {
  const clip = clipAt(now);
  const frames = framesOf(clip);
  const following = clips[clips.indexOf(clip) + 1];
  if (following && clip.ended_ms - now < AHEAD_MS * speed) framesOf(following);
  if (!frames) return; // it waits for the clip
  if (isPlaying && !isSeeking) now = Math.min(end(), now + passedMs * speed);
  if (now >= end()) pause(true);
  await draw(clip, frames);
  tell(clip);
}

async function draw(clip, frames) {
  const wanted = now - clip.at_ms;
  let frame;
  for (const each of frames) {
    if (each.atMs > wanted && frame) break;
    frame = each;
  }
  if (!frame || drawn === frame) return;
  drawn = frame;
  try {
    const picture = await createImageBitmap(frame.blob);
    if (screen.width !== picture.width || screen.height !== picture.height) {
      screen.width = picture.width;
      screen.height = picture.height;
    }
    drawing.drawImage(picture, 0, 0);
    picture.close();
    screen.dataset.drawn = String(1 + Number(screen.dataset.drawn ?? 0));
  } catch {
    // a broken picture: the one before stays
  }
}

function tell(clip) {
  if (!isSeeking) seek.value = String(Math.round((1000 * (now - begin())) / Math.max(1, end() - begin())));
  clock.textContent = time.format(now);
  seek.setAttribute("aria-valuetext", clock.textContent);
  download.href = `${clip.url}?download`;
}

function pause(is = isPlaying) {
  isPlaying = !is;
  if (isPlaying && now >= end()) now = begin();
  playButton.setAttribute("aria-pressed", String(isPlaying));
  playButton.classList.toggle("is-paused", !isPlaying);
}

function jump(seconds) {
  now = Math.min(end(), Math.max(begin(), now + 1000 * seconds));
}

function faster() {
  speed = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length];
  speedButton.textContent = `${speed}×`;
}

seek.addEventListener("input", () => {
  isSeeking = true;
  now = begin() + (Number(seek.value) / 1000) * (end() - begin());
});
seek.addEventListener("change", () => (isSeeking = false));

viewer.addEventListener("click", (event) => {
  const target = event.target.closest("button");
  if (target?.matches("[data-play]")) pause();
  if (target?.matches("[data-speed]")) faster();
  if (target?.matches("[data-jump]")) jump(Number(target.dataset.jump));
});
const KEYS = { " ": () => pause(), ArrowLeft: () => jump(-5), ArrowRight: () => jump(5), ",": () => jump(-0.1), ".": () => jump(0.1) };
viewer.addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || event.target === seek || (event.key === " " && event.target.closest("button, a"))) return;
  event.preventDefault();
  KEYS[event.key]();
});
viewer.addEventListener("close", () => {
  isPlaying = false;
  loaded.clear();
});

// Where one plays from: a recording, a place on the line, a motion
document.addEventListener("click", async (event) => {
  const link = event.target instanceof Element && event.target.closest("[data-play-from]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const isMotion = link.closest(".shot") !== null;
  const address = link.getAttribute("href");
  const from = instantOf(event, link) - (isMotion ? BEFORE_MS : 0);
  if (!(await open(from)) && address) location.assign(address);
});

function instantOf(event, link) {
  const line = link.closest("[data-line]");
  if (!line || !event.clientX) return Number(link.dataset.playFrom); // from the keyboard: its beginning
  const box = line.getBoundingClientRect();
  const [from, to] = [Number(line.dataset.begin), Number(line.dataset.end)];
  return from + ((event.clientX - box.left) / box.width) * (to - from);
}

// A film plays in the browser's own way
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("[data-film]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const dialog = document.createElement("dialog");
  dialog.className = "viewer";
  const film = Object.assign(document.createElement("video"), { src: link.href, controls: true, autoplay: true, playsInline: true });
  const picture = Object.assign(document.createElement("div"), { className: "viewer-picture" });
  picture.append(film);
  dialog.append(picture);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
});
