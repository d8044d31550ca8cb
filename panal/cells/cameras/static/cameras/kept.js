// What the gallery and the timeline share: ticking many, days that submit themselves.
document.documentElement.classList.add("has-js");

const ticksOf = (form) => [...form.querySelectorAll(`input[name=${form.dataset.bulkKept}]`)];

function count(form) {
  const shown = form.querySelector("[data-count]");
  if (shown) shown.textContent = ticksOf(form).filter((tick) => tick.checked).length;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  const form = event.target.closest("[data-bulk-kept]");
  if (form) count(form);
});

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("[data-select-all]")) return;
  const form = event.target.closest("[data-bulk-kept]");
  const ticks = ticksOf(form);
  const isOn = ticks.some((tick) => !tick.checked);
  ticks.forEach((tick) => (tick.checked = isOn));
  count(form);
});

document.addEventListener("keydown", (event) => {
  const isBusy = event.target.closest("input, select, textarea, dialog") || document.querySelector("dialog[open]");
  if (isBusy || event.ctrlKey || event.metaKey || event.altKey) return;
  document.querySelector(`.days a[data-key="${CSS.escape(event.key)}"]`)?.click();
});
