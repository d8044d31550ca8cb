// The fleet: what is folded stays folded, and a device is dragged to its place. The boxes and the bar below do the same.
const form = document.querySelector("form[data-fleet]");
const KEY = `panal.folded.${form.dataset.fleet}`;
const places = () => form.querySelectorAll("[data-place]");

// Folding: a part that is fetched again comes unfolded -------------------------------------------------------
const folded = new Set(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
const fold = () => places().forEach((place) => (place.open = !folded.has(place.dataset.place)));
form.addEventListener("click", (event) => {
  const place = event.target.closest("summary")?.parentElement;
  if (!place) return;
  if (place.open) folded.add(place.dataset.place);
  else folded.delete(place.dataset.place);
  sessionStorage.setItem(KEY, JSON.stringify([...folded]));
});
document.addEventListener("htmx:afterSwap", fold);
fold();

// Dragging: the ticked ones go along ------------------------------------------------------------------------
let dragged;
form.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("li[draggable]");
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.querySelector("input").value);
  dragged.classList.add("is-dragged");
  dragged.dataset.held = ""; // the part is not fetched again under the hand
});
form.addEventListener("dragend", () => {
  dragged?.classList.remove("is-dragged");
  delete dragged?.dataset.held;
  dragged = undefined;
  aim(null);
});
form.addEventListener("dragover", (event) => {
  const place = target(event);
  aim(place);
  if (place) event.preventDefault();
});
form.addEventListener("drop", (event) => {
  const place = target(event);
  if (!place) return;
  event.preventDefault();
  dragged.querySelector("input").checked = true;
  form.elements[form.dataset.fleet].value = place.dataset.place;
  form.requestSubmit();
});

function target(event) {
  const place = dragged && event.target.closest("[data-place]");
  const isGroupless = form.dataset.fleet === "group" && place?.dataset.place === "none";
  return place && !place.contains(dragged) && !isGroupless ? place : null;
}

function aim(at) {
  for (const place of places()) place.classList.toggle("is-target", place === at);
}
