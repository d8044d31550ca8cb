// A part that is fetched again is changed where it differs and otherwise left as it is (Idiomorph): what a hand is on,
// what is focused, read or selected stays the same element. A click ends on the element it began on, or nobody hears it.
window.htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph:outer",
  handleSwap(style, target, fragment) {
    if (!style.startsWith("morph")) return false;
    const morphStyle = style === "morph:outer" ? "outerHTML" : "innerHTML";
    return window.Idiomorph.morph(target, [...fragment.childNodes], { morphStyle, callbacks: { beforeNodeMorphed } });
  },
});

// false: the element has been dealt with
function beforeNodeMorphed(old, wanted) {
  if (!(old instanceof Element)) return true;
  if (old.matches("[data-plot]")) return keepPlot(old, wanted);
  return !old.matches("[data-tile]") || !wanted.matches("[data-tile]"); // a camera's player fills and marks it by itself
}

// A drawn plot stays as long as its numbers do; others are drawn anew
function keepPlot(old, wanted) {
  const numbers = (figure) => figure.querySelector("script")?.textContent;
  if (numbers(old) !== numbers(wanted)) old.replaceChildren(...wanted.cloneNode(true).childNodes);
  return false;
}
