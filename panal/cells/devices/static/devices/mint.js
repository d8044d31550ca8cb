// A batch takes a moment, and its secrets are shown once: the button works once, and something moves meanwhile.
const form = document.querySelector("[data-mint]");
form?.addEventListener("submit", () => {
  form.querySelector("[data-busy]").hidden = false;
  form.querySelector("button").disabled = true;
});
addEventListener("pageshow", () => {
  if (!form) return;
  form.querySelector("[data-busy]").hidden = true;
  form.querySelector("button").disabled = false;
});
