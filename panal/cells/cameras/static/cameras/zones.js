// Zones drawn on the picture: corners that are dragged, or moved by the arrow keys. What is saved stands in the textarea.
document.documentElement.classList.add("has-js");

const SVG = "http://www.w3.org/2000/svg";
const NEW = [[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]];
const MOST_CORNERS = 16;
const STEP = 0.01;
const LARGE_STEP = 0.05;

for (const root of document.querySelectorAll("[data-zones]")) edit(root);

function edit(root) {
  const field = document.getElementById(root.dataset.zones);
  const area = root.querySelector("[data-canvas]");
  const svg = area.querySelector("svg");
  const isFixed = field.matches(":disabled");
  let zones = read(field.value);
  let chosen = { zone: zones.length - 1, corner: 0 };
  const picture = area.querySelector("img");
  picture?.addEventListener("load", () => (area.style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`));
  if (picture?.complete && picture.naturalWidth) area.style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`;
  draw();

  function save() {
    field.value = JSON.stringify(zones.map((zone) => zone.map(([x, y]) => [Number(x.toFixed(4)), Number(y.toFixed(4))])));
  }

  function draw() {
    svg.replaceChildren(...zones.map(polygon));
    area.querySelectorAll("button").forEach((button) => button.remove());
    if (!isFixed) zones.forEach((zone, z) => zone.forEach((_, c) => area.append(corner(z, c))));
    for (const button of root.querySelectorAll("[data-zone]")) button.disabled = !isPossible(button.dataset.zone);
  }

  function isPossible(what) {
    const zone = zones[chosen.zone];
    if (what === "add") return zones.length < Number(root.dataset.max);
    if (what === "corner") return Boolean(zone) && zone.length < MOST_CORNERS;
    return Boolean(zone) && (what === "remove" || zone.length > 3);
  }

  function polygon(zone, z) {
    const shape = document.createElementNS(SVG, "polygon");
    shape.setAttribute("points", zone.map(([x, y]) => `${x * 1000},${y * 1000}`).join(" "));
    shape.classList.toggle("is-chosen", z === chosen.zone);
    shape.addEventListener("pointerdown", () => choose(z, 0));
    return shape;
  }

  function corner(z, c) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "zones-corner";
    button.classList.toggle("is-chosen", z === chosen.zone && c === chosen.corner);
    button.setAttribute("aria-label", `${root.dataset.zoneLabel} ${z + 1}, ${root.dataset.cornerLabel} ${c + 1}`);
    button.dataset.at = `${z}/${c}`;
    put(button, zones[z][c]);
    button.addEventListener("pointerdown", (event) => drag(event, button, z, c));
    button.addEventListener("keydown", (event) => push(event, button, z, c));
    button.addEventListener("focus", () => (chosen.zone === z && chosen.corner === c ? undefined : choose(z, c)));
    return button;
  }

  function put(button, [x, y]) {
    button.style.left = `${100 * x}%`;
    button.style.top = `${100 * y}%`;
  }

  function choose(z, c) {
    chosen = { zone: z, corner: c };
    svg.querySelectorAll("polygon").forEach((shape, index) => shape.classList.toggle("is-chosen", index === z));
    for (const button of area.querySelectorAll("button")) button.classList.toggle("is-chosen", button.dataset.at === `${z}/${c}`);
    for (const button of root.querySelectorAll("[data-zone]")) button.disabled = !isPossible(button.dataset.zone);
  }

  function move(button, z, c, x, y) {
    zones[z][c] = [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];
    put(button, zones[z][c]);
    svg.children[z].setAttribute("points", zones[z].map(([px, py]) => `${px * 1000},${py * 1000}`).join(" "));
    save();
  }

  function drag(event, button, z, c) {
    button.setPointerCapture(event.pointerId);
    choose(z, c);
    const follow = (moved) => {
      const box = area.getBoundingClientRect();
      move(button, z, c, (moved.clientX - box.left) / box.width, (moved.clientY - box.top) / box.height);
    };
    button.addEventListener("pointermove", follow);
    const end = () => button.removeEventListener("pointermove", follow);
    button.addEventListener("pointerup", end, { once: true });
    button.addEventListener("pointercancel", end, { once: true });
  }

  function push(event, button, z, c) {
    const step = event.shiftKey ? LARGE_STEP : STEP;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (event.key === "Delete") return change("remove-corner");
    if (!by) return;
    event.preventDefault();
    move(button, z, c, zones[z][c][0] + by[0], zones[z][c][1] + by[1]);
  }

  root.addEventListener("click", (event) => {
    const what = event.target.closest("[data-zone]")?.dataset.zone;
    if (what) change(what);
  });

  function change(what) {
    if (!isPossible(what)) return;
    const { zone: z, corner: c } = chosen;
    if (what === "add") {
      zones.push(NEW.map((point) => [...point]));
      chosen = { zone: zones.length - 1, corner: 0 };
    } else if (what === "corner") {
      const [[x, y], [nx, ny]] = [zones[z][c], zones[z][(c + 1) % zones[z].length]];
      zones[z].splice(c + 1, 0, [(x + nx) / 2, (y + ny) / 2]);
      chosen = { zone: z, corner: c + 1 };
    } else if (what === "remove-corner") {
      zones[z].splice(c, 1);
      chosen = { zone: z, corner: Math.max(0, c - 1) };
    } else {
      zones.splice(z, 1);
      chosen = { zone: zones.length - 1, corner: 0 };
    }
    save();
    draw();
  }
}

function read(text) {
  try {
    const zones = JSON.parse(text || "[]");
    return Array.isArray(zones) ? zones : [];
  } catch {
    return [];
  }
}
