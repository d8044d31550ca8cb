// Plots: a <figure data-plot> holds its series as JSON and gets a uPlot; without scripts its table stays.
const DAY_S = 86400;
let library;

export async function drawPlots(root) {
  const figures = [...root.querySelectorAll("[data-plot]:not(:has(.uplot))")];
  if (!figures.length) return;
  library ??= import(figures[0].dataset.uplot);
  const { default: uPlot } = await library;
  for (const figure of figures) draw(uPlot, figure);
}

function draw(uPlot, figure) {
  const canvas = figure.querySelector(".canvas");
  const { x, lines, unit, relative, across, upward, marks, names, bars } = JSON.parse(figure.querySelector("script").textContent);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const plot = new uPlot(
    {
      width: canvas.clientWidth,
      height: canvas.clientHeight,
      legend: { show: false },
      cursor: { y: false, points: { size: 8 } },
      scales: {
        x: { time: !relative && !names, ...(across && { range: across }), ...(names && { range: [-0.6, names.length - 0.4] }) },
        ...(upward && { y: { range: upward } }),
        ...(bars && { y: { range: (_, low, high) => [0, Math.max(high, 1) * 1.05] } }),
      },
      axes: axes(colour, across ?? [x[0], x.at(-1)], relative, names),
      series: [{}, ...lines.map((line, index) => ({ ...series(line, index, colour), ...(bars && bar(uPlot, index, colour)) }))],
      bands: lines.length === 3 && !relative ? [{ series: [2, 3], fill: colour("--plot-fill") }] : [],
      hooks: {
        setCursor: [(u) => showValue(u, figure, unit, relative, names)],
        draw: marks ? [(u) => drawMarks(u, marks, colour)] : [],
      },
    },
    [x, ...lines.map((line) => line.values)],
    canvas,
  );
  canvas.replaceChildren(plot.root);
  new ResizeObserver(() => plot.setSize({ width: canvas.clientWidth, height: canvas.clientHeight })).observe(canvas);
}

// Columns, each beginning at the ground: a sum is drawn first and its part before it.
function bar(uPlot, index, colour) {
  const fill = colour(index ? "--alarm" : "--plot-1");
  return { paths: uPlot.paths.bars({ size: [0.7, 48] }), stroke: fill, fill, width: 0, points: { show: false } };
}

// A line from top to bottom with its word beside it.
function drawMarks(plot, marks, colour) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--alarm");
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.font = `600 ${12 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`;
  for (const { at, label } of marks) {
    const x = Math.round(plot.valToPos(at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const isRight = x > bbox.left + bbox.width * 0.8;
    ctx.textAlign = isRight ? "right" : "left";
    ctx.fillText(label, x + (isRight ? -6 : 6) * devicePixelRatio, bbox.top + 13 * devicePixelRatio);
  }
  ctx.restore();
}

function axes(colour, [from, to], relative, names) {
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
  const time = (at) => (relative ? `${number.format(at)} ms` : format.format(new Date(at * 1000)));
  const times = (_, ticks) => ticks.map((at) => (names ? (names[at] ?? "") : time(at)));
  return [
    { ...common, values: times, space: 64, size: 30, ...(names && { incrs: [1, 2, 3, 4, 6, 7, 14, 28, 56, 91] }) },
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

function showValue(plot, figure, unit, relative, names) {
  const now = figure.querySelector("[data-now]");
  if (!now || relative) return;
  now.dataset.last ??= now.textContent;
  const value = plot.cursor.idx == null ? null : plot.data[1][plot.cursor.idx];
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 2 });
  const name = names?.[plot.cursor.idx];
  now.textContent = value == null ? now.dataset.last : `${name ? `${name}: ` : ""}${number.format(value)} ${unit}`.trim();
}
