// Dimmers: the number goes along with the hand, and the part is not fetched again while it is held.
document.addEventListener("input", (event) => {
  const range = event.target.closest?.(".light-level");
  if (range) range.form.querySelector("output").value = `${range.value} %`;
});
document.addEventListener("pointerdown", (event) => {
  const range = event.target.closest?.(".light-level");
  if (range) range.dataset.held = "";
});
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    for (const range of document.querySelectorAll(".light-level[data-held]")) delete range.dataset.held;
  });
}

// A click that nobody answers is said so when its time is over
const ANSWER_MS = 10_500;
let late;
function awaitAnswers() {
  clearTimeout(late);
  if (!document.querySelector(".light-word.is-pending")) return;
  late = setTimeout(() => window.htmx?.trigger(document.body, "panal:fresh"), ANSWER_MS);
}
document.addEventListener("htmx:afterSettle", awaitAnswers);
awaitAnswers();

// Where the home is: asked of the browser, only when somebody wants it
const here = document.querySelector("[data-here]");
if (here && "geolocation" in navigator) {
  here.hidden = false;
  here.addEventListener("click", () => {
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      here.form.elements.latitude_deg.value = coords.latitude.toFixed(4);
      here.form.elements.longitude_deg.value = coords.longitude.toFixed(4);
    });
  });
}
