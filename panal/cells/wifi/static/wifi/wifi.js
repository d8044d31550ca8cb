// The form of a change: show what is typed, and find a device among many. Without this file both are only slower.
for (const button of document.querySelectorAll("[data-reveal-for]")) {
  const field = document.getElementById(button.dataset.revealFor);
  button.hidden = false;
  button.addEventListener("click", () => {
    const isShown = field.type === "text";
    field.type = isShown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!isShown));
    field.focus();
  });
  field.form.addEventListener("submit", () => (field.type = "password")); // browsers remember what was typed as text
}

for (const search of document.querySelectorAll("[data-narrow]")) {
  const items = [...document.getElementById(search.dataset.narrow).children];
  search.hidden = false;
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    for (const item of items) item.hidden = !item.textContent.toLowerCase().includes(wanted);
  });
}
