// What Plotly draws, from the page's data: colours of the theme, words of a point, lines and cells. Needs no figure to be there.

const PALEST = 0.45;

function escaped(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

// Colours are named in the data as variables of the page's style, which differ between its light and its dark theme.
function coloured(value) {
  if (typeof value === "string") {
    const name = /^var\((--[a-z0-9-]+)\)$/.exec(value);
    return name ? getComputedStyle(document.documentElement).getPropertyValue(name[1]).trim() : value;
  }
  if (Array.isArray(value)) return value.every((one) => typeof one === "number") ? value : value.map(coloured);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one)]));
}

function channels(shade) {
  return [1, 3, 5].map((at) => parseInt(shade.slice(at, at + 2), 16));
}

// Of two colours, each as #rrggbb, the one that lies at `share` between them.
function mixed(from, to, share) {
  const end = channels(to);
  const parts = channels(from).map((one, index) => Math.round(one + (end[index] - one) * share));
  return `#${parts.map((one) => one.toString(16).padStart(2, "0")).join("")}`;
}

// Black or white, whichever has the higher contrast (WCAG 2): at least 4.5 on any ground.
function legibleOn(ground) {
  const linear = channels(ground).map((one) => (one <= 10 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 ? "#000000" : "#ffffff";
}

function read(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value);
}

// What is said of a point: its trial and state, where it stands, and with which settings.
function saidOf(run, trace, index, axes) {
  const lines = [];
  const ref = trace.customdata && trace.customdata[index];
  const trial = ref && ref[0] !== null ? run.trials[ref[0]] : null;
  const named = trial ? trial[0] + (ref[1] === null ? "" : `, state ${ref[1]}`) : "";
  lines.push(`<b>${escaped(trace.mean || !named ? trace.name || trace.legendgroup || "" : named)}</b>`);
  if (trace.said) lines.push(escaped(trace.said[index]));
  for (const axis of ["x", "y"]) {
    const value = trace[axis][index];
    const about = axes[`${axis}axis`];
    if (about.ticktext && !Number.isInteger(value)) continue;
    const text = about.ticktext ? about.ticktext[value] : read(value);
    lines.push(escaped(about.label ? `${about.label}: ${text}` : text));
  }
  if (trial && !trace.mean) {
    lines.push(...trial[5].map(escaped));
    if (trial[4] !== "finished") lines.push(escaped(trial[4]));
  } else if (trial && named) {
    lines.push(`one of them: ${escaped(named)}`);
  }
  return lines.filter((line) => line !== "<b></b>").join("<br>");
}

// Each arm has a part of the scale, from pale to its colour: the stronger a line, the more accurate its trial.
function parallelTrace(trace, hidden, narrow) {
  const kept = trace.groups.map((group, index) => index).filter((index) => !hidden.has(trace.names[trace.groups[index]]));
  const [paper, shades] = [coloured("var(--paper)"), trace.shades.map(coloured)];
  const count = shades.length;
  const scale = shades.flatMap((shade, index) => [
    [index / count, mixed(paper, shade, PALEST)], [index + 1 === count ? 1 : (index + 1) / count - 0.001, shade],
  ]);
  return {
    type: "parcoords", labelangle: narrow ? -35 : 0,
    line: { color: kept.map((index) => trace.groups[index] + 0.02 + 0.95 * trace.strengths[index]), cmin: 0, cmax: count, colorscale: scale },
    unselected: { line: { color: coloured("var(--faint)"), opacity: 0.12 } },
    dimensions: trace.dimensions.map((one) => ({ ...one, label: narrow ? one.label.split(".").pop() : one.label, values: kept.map((index) => one.values[index]) })),
  };
}

function traceOf(run, trace, panel, hidden, narrow) {
  if (trace.type === "parcoords") return parallelTrace(trace, hidden, narrow);
  const drawn = coloured(trace);
  drawn.visible = !hidden.has(trace.legendgroup);
  if (trace.hoverinfo !== "skip") {
    drawn.hovertext = trace.x.map((_, index) => saidOf(run, trace, index, panel.layout));
    drawn.hovertemplate = "%{hovertext}<extra></extra>";
  }
  if (trace.type === "heatmap") for (const key of ["text", "texttemplate"]) delete drawn[key];
  else if (trace.text) drawn.text = trace.text.map(escaped);
  return drawn;
}

// What is written in a heatmap's cells, each on its own ground.
function numbersIn(trace, hidden, narrow) {
  const [low, high] = trace.colorscale.map(([, shade]) => coloured(shade));
  const color = trace.z.map((share) => legibleOn(mixed(low, high, share === null ? 0 : share)));
  return {
    type: "scatter", mode: "text", x: trace.x, y: trace.y, text: trace.text.map(escaped), hoverinfo: "skip",
    textfont: { size: narrow ? 9 : 11, color }, visible: !hidden.has(trace.legendgroup),
  };
}

// A panel's traces in their order, by which a point is found again, and then the numbers of its cells.
function tracesOf(run, panel, hidden, narrow) {
  const cells = panel.data.filter((trace) => trace.type === "heatmap");
  return [
    ...panel.data.map((trace) => traceOf(run, trace, panel, hidden, narrow)),
    ...cells.map((trace) => numbersIn(trace, hidden, narrow)),
  ];
}
