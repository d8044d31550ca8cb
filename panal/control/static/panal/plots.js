// Plots: a <figure data-plot> holds its series as JSON and gets a uPlot; without scripts its table stays.
const DAY_S = 86400;
let library;

export async function drawPlots(root) {
  const figures = [...root.querySelectorAll("[data-plot]")];
  if (!figures.length) return;
  library ??= import(figures[0].dataset.uplot);
  const { default: uPlot } = await library;
  for (const figure of figures) draw(uPlot, figure);
}

function draw(uPlot, figure) {
  const canvas = figure.querySelector(".canvas");
  const { x, lines, unit, relative, across, upward } = JSON.parse(figure.querySelector("script").textContent);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const plot = new uPlot(
    {
      width: canvas.clientWidth,
      height: canvas.clientHeight,
      legend: { show: false },
      cursor: { y: false, points: { size: 8 } },
      scales: { x: { time: !relative, ...(across && { range: across }) }, ...(upward && { y: { range: upward } }) },
      axes: axes(colour, across ?? [x[0], x.at(-1)], relative),
      series: [{}, ...lines.map((line, index) => series(line, index, colour))],
      bands: lines.length === 3 && !relative ? [{ series: [2, 3], fill: colour("--plot-fill") }] : [],
      hooks: { setCursor: [(u) => showValue(u, figure, unit, relative)] },
    },
    [x, ...lines.map((line) => line.values)],
    canvas,
  );
  canvas.replaceChildren(plot.root);
  new ResizeObserver(() => plot.setSize({ width: canvas.clientWidth, height: canvas.clientHeight })).observe(canvas);
}

function axes(colour, [from, to], relative) {
  const common = {
    stroke: colour("--muted"),
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  const language = document.documentElement.lang;
  const isLong = to - from > 1.5 * DAY_S;
  const options = isLong ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
  const format = new Intl.DateTimeFormat(language, options);
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
  const times = (_, ticks) => ticks.map((at) => (relative ? `${number.format(at)} ms` : format.format(new Date(at * 1000))));
  return [
    { ...common, values: times, space: 64, size: 30 },
    { ...common, values: (_, ticks) => ticks.map((value) => number.format(value)), size: 52 },
  ];
}

function series(line, index, colour) {
  const isEdge = line.edge === true;
  const strokes = ["--plot-1", "--info", "--ok"];
  return {
    label: line.label,
    stroke: isEdge ? "transparent" : colour(strokes[index % strokes.length]),
    width: isEdge ? 0 : 2,
    fill: line.fill ? colour("--plot-fill") : undefined,
    points: { show: !isEdge && line.values.length < 3 },
    spanGaps: false,
  };
}

function showValue(plot, figure, unit, relative) {
  const now = figure.querySelector("[data-now]");
  if (!now || relative) return;
  now.dataset.last ??= now.textContent;
  const value = plot.cursor.idx == null ? null : plot.data[1][plot.cursor.idx];
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 2 });
  now.textContent = value == null ? now.dataset.last : `${number.format(value)} ${unit}`.trim();
}
