// The figures on a screen, drawn by Plotly from the same numbers as the drawings for paper, which stay where Plotly cannot run.

const NARROW = 560;

// A label beside an upright axis, in as many lines as it needs there.
function broken(text, letters) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (lines[lines.length - 1].length + word.length > letters && lines[lines.length - 1]) lines.push("");
    lines[lines.length - 1] = `${lines[lines.length - 1]} ${word}`.trim();
  }
  return lines.map(escaped).join("<br>");
}

const BUTTONS = [["zoom2d", "pan2d", "resetScale2d", "toImage"]];

function ends(panels, letter) {
  const values = panels.flatMap((panel) => panel.data.flatMap((trace) => trace[letter] || [])).filter((one) => typeof one === "number");
  return values.length ? [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))] : null;
}

// The ends of an axis that several panels have in common, a little beyond their points.
function common(chart, letter) {
  const found = chart.shared.includes(letter) && chart.panels.length > 1 ? ends(chart.panels, letter) : null;
  if (!found || chart.panels.some((panel) => (panel.layout[`${letter}axis`] || {}).type === "log")) return null;
  const beyond = 0.05 * (found[1] - found[0] || 1);
  return [found[0] - beyond, found[1] + beyond];
}

function axisLayout(axis, span, range, faint, narrow, room) {
  const layout = {
    title: { text: broken(axis.label, room), standoff: 8, font: { size: 13 } }, gridcolor: `${faint}40`, linecolor: faint, tickcolor: faint,
    zeroline: false, automargin: true, nticks: narrow ? 5 : 9,
  };
  for (const key of ["type", "range", "tickvals", "autorange"]) if (axis[key] !== undefined) layout[key] = axis[key];
  if (axis.ticktext) Object.assign(layout, { ticktext: axis.ticktext.map((text) => broken(text, narrow ? 16 : 40)), showgrid: false });
  if (range && !layout.range) layout.range = range;
  if (axis.whole && span) Object.assign(layout, { dtick: Math.max(1, Math.ceil((span[1] - span[0]) / (narrow ? 5 : 10))), tick0: 0 });
  if (axis.type === "log" && span) {
    Object.assign(layout, { dtick: Math.log10(span[1] / span[0]) < 2.5 ? "D2" : 1, nticks: 0, exponentformat: "power" });
  }
  return layout;
}

function panelLayout(panel, chart, hidden, narrow) {
  const height = chart.height;
  const [ink, faint, paper] = ["--ink", "--faint", "--paper"].map((name) => coloured(`var(${name})`));
  const titles = panel.layout.title || [];
  const layout = {
    height: height + 16 * titles.length, autosize: true, showlegend: false, hovermode: "closest", font: { color: ink, size: 12.5, family: getComputedStyle(document.body).fontFamily },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: faint, activecolor: ink },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: narrow ? false : "zoom",
    margin: { l: 54, r: 14, t: 12 + 17 * titles.length, b: 46 }, hoverlabel: { bgcolor: paper, bordercolor: faint, font: { color: ink, family: getComputedStyle(document.body).fontFamily }, align: "left" },
  };
  if (titles.length) layout.title = { text: titles.map(escaped).join("<br>"), font: { size: 13 }, x: 0.5, xanchor: "center", y: 1, yanchor: "top", pad: { t: 6 } };
  for (const key of ["xaxis", "yaxis"]) {
    if (panel.layout[key]) layout[key] = axisLayout(panel.layout[key], ends([panel], key[0]), common(chart, key[0]), faint, narrow, key === "yaxis" ? height / 9 : narrow ? 36 : 70);
  }
  const shapes = (panel.layout.shapes || []).filter((shape) => !hidden.has(shape.group) || !shape.group);
  layout.shapes = shapes.map(({ group, ...shape }) => coloured(shape));
  return layout;
}

// What a state has kept, layer by layer, beside the point that stands for it.
function showStructure(run, place, ref) {
  const key = ref && ref[0] !== null && ref[1] !== null ? `${ref[0]}:${ref[1]}` : null;
  const found = key && run.of[key];
  if (!found) return;
  const [row, state] = key.split(":");
  const head = document.createElement("p");
  head.className = "of";
  head.textContent = `${run.trials[row][0]}, state ${state}: kept, %`;
  const parts = [head];
  let kind = null;
  run.layouts[found[0]].forEach(([name, words], index) => {
    if (words !== kind) {
      const title = document.createElement("p");
      title.textContent = kind = words;
      parts.push(title);
    }
    const line = document.createElement("div");
    line.className = "layer";
    const label = document.createElement("span");
    label.textContent = name.replace(/^blocks\.(\d+)\.\w+$/, "block $1");
    const bar = document.createElement("i");
    bar.style.setProperty("--share", `${found[1][index]}%`);
    const share = document.createElement("b");
    share.textContent = String(Math.round(found[1][index]));
    line.append(label, bar, share);
    parts.push(line);
  });
  place.style.setProperty("--arm", run.colours[run.trials[row][1]]);
  place.replaceChildren(...parts);
}

function legendOf(chart, figure, redraw) {
  const list = document.createElement("div");
  list.className = "legend";
  for (const entry of chart.legend) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "show or hide; with Shift, show it alone";
    const swatch = document.createElement("i");
    swatch.style.background = entry.colour;
    button.append(swatch, entry.name);
    const groups = [...new Set(chart.legend.map((one) => one.group))];
    button.addEventListener("click", (event) => {
      if (event.shiftKey) groups.forEach((group) => (group === entry.group ? figure.hidden.delete(group) : figure.hidden.add(group)));
      else if (!figure.hidden.delete(entry.group)) figure.hidden.add(entry.group);
      [...list.children].forEach((one, index) => one.setAttribute("aria-pressed", String(!figure.hidden.has(chart.legend[index].group))));
      redraw();
    });
    button.setAttribute("aria-pressed", "true");
    list.append(button);
  }
  return list;
}

// Parallel coordinates are drawn by WebGL alone.
function hasWebGl() {
  const context = document.createElement("canvas").getContext("webgl");
  if (!context) return false;
  const losing = context.getExtension("WEBGL_lose_context");
  if (losing) losing.loseContext();
  return true;
}

// The drawing for paper goes when this one is there, and comes again should it fail.
async function interactive(element, run) {
  const chart = run.charts[element.dataset.chart];
  const figure = { hidden: new Set() };
  const place = document.createElement("div");
  place.className = "plotly";
  const panels = document.createElement("div");
  panels.className = "panels";
  panels.style.setProperty("--columns", chart.columns);
  const boxes = chart.panels.map(() => panels.appendChild(document.createElement("div")));
  const beside = document.createElement("aside");
  if (chart.legend.length > 0) place.append(legendOf(chart, figure, redraw));
  const body = place.appendChild(document.createElement("div"));
  body.append(panels);
  if (chart.structures && Object.keys(run.of).length) {
    body.className = "withbeside";
    body.append(beside);
    if (run.shown) showStructure(run, beside, run.shown.split(":").map(Number));
  }
  element.prepend(place);

  async function drawn() {
    const narrow = element.clientWidth < NARROW;
    await Promise.all(chart.panels.map((panel, index) => {
      for (const trace of panel.data) if (trace.type === "parcoords") trace.names = chart.legend.map((one) => one.group);
      const traces = tracesOf(run, panel, figure.hidden, narrow);
      const layout = panelLayout(panel, chart, figure.hidden, narrow);
      if (chart.parallel) layout.margin = { l: narrow ? 50 : 70, r: narrow ? 80 : 70, t: narrow ? 90 : 50, b: 24 };
      return window.Plotly.react(boxes[index], traces, layout, { displaylogo: false, responsive: true, typesetMath: false, displayModeBar: narrow || chart.parallel ? false : "hover", modeBarButtons: BUTTONS });
    }));
    if (place.querySelector(".no-webgl")) throw new Error("no WebGL");
  }

  async function redraw() {
    if (!place.isConnected) return;
    try {
      await drawn();
      element.classList.add("drawn");
    } catch (error) {
      element.classList.remove("drawn");
      place.remove();
      console.warn(`${element.dataset.chart} stays as it is drawn for paper: ${error}`);
    }
  }

  await redraw();
  boxes.forEach((box, index) => {
    const point = ({ points }) => {
      const trace = chart.panels[index].data[points[0].curveNumber];
      if (trace && trace.customdata) showStructure(run, beside, trace.customdata[points[0].pointNumber]);
    };
    if (chart.structures && box.on) {
      box.on("plotly_hover", point);
      box.on("plotly_click", point);
    }
  });
  return redraw;
}

async function unpacked(element) {
  const bytes = Uint8Array.from(atob(element.textContent.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

async function drawFigures(data) {
  const packed = document.getElementById("plotly-packed");
  const code = document.createElement("script");
  code.textContent = await unpacked(packed);
  document.head.append(code);
  packed.remove();
  if (!window.Plotly) return;
  const redraws = [];
  const watched = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      watched.unobserve(target);
      interactive(target, data.runs[target.dataset.run]).then((redraw) => redraws.push(redraw));
    }
  }, { rootMargin: "600px" });
  const webGl = hasWebGl();
  document.querySelectorAll("figure[data-chart]").forEach((figure) => {
    if (webGl || !data.runs[figure.dataset.run].charts[figure.dataset.chart].parallel) watched.observe(figure);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraws.forEach((redraw) => redraw()));
}
