// Many cameras: only tiles that can be seen have a connection, and no more pictures a second than a small tile needs.
import { Player } from "./player.js";

const FPS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0.5 : 4;
const AT_ONCE = 16;
const players = new WeakMap();
const seen = new Set();

document.documentElement.classList.add("has-js");

const eye = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) seen.add(target);
      else seen.delete(target);
    }
    share();
  },
  { rootMargin: "80px" },
);

// Those that can be seen, up to a bound; who scrolls on gives their place to the next
function share() {
  const running = [...seen].filter((tile) => tile.isConnected).slice(0, AT_ONCE);
  for (const tile of document.querySelectorAll("[data-tile]")) {
    const player = players.get(tile);
    if (running.includes(tile)) player?.start();
    else player?.stop();
  }
}

function adopt() {
  for (const tile of seen) {
    if (tile.isConnected) continue;
    players.get(tile)?.stop();
    seen.delete(tile);
  }
  for (const tile of document.querySelectorAll("[data-tile]")) {
    if (players.has(tile)) continue;
    players.set(tile, new Player(tile, { fps: FPS }));
    eye.observe(tile);
  }
}

document.addEventListener("htmx:afterSettle", adopt);
adopt();
