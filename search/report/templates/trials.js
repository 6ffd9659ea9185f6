// The table of trials: sorted by its headings, searched by a word, a part at a time where it is long.

const ALL_AT_ONCE = 500;
const PART = 100;

function shortCount(value) {
  for (const [factor, letter] of [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= factor) return `${Number((value / factor).toPrecision(3))} ${letter}`;
  }
  return String(Number(value.toPrecision(3)));
}

function shown(value, kind) {
  if (value === null) return "–";
  if (kind === "accuracy") return `${(100 * value).toFixed(2)} %`;
  if (kind === "tenths") return value.toFixed(1);
  if (kind === "count") return shortCount(value);
  return Array.isArray(value) ? value.join(", ") : String(value);
}

// Numbers by size and words by letters, what is missing last in either direction.
function sorted(rows, column, falling, kinds) {
  const words = kinds[column] === "words";
  const key = (row) => (Array.isArray(row[column]) ? row[column].join(", ") : row[column]);
  const order = (a, b) => (words ? a.localeCompare(b, "en", { numeric: true }) : a - b);
  const missing = (value) => value === null || value === "";
  return rows.slice().sort((first, second) => {
    const [a, b] = [key(first), key(second)];
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    return falling ? order(b, a) : order(a, b);
  });
}

function matching(rows, word, kinds) {
  const wanted = word.trim().toLowerCase();
  if (!wanted) return rows;
  return rows.filter((row) => row.some((value, column) => shown(value, kinds[column]).toLowerCase().includes(wanted)));
}

function rowElement(row, classes, kinds) {
  const line = document.createElement("tr");
  row.forEach((value, column) => {
    const cell = document.createElement("td");
    cell.textContent = shown(value, kinds[column]);
    if (classes[column]) cell.className = classes[column];
    line.append(cell);
  });
  return line;
}

function sortable(table, trials, kinds) {
  const heads = [...table.tHead.rows[0].cells];
  const classes = heads.map((head) => head.className);
  const place = table.closest(".trials");
  const state = { column: null, falling: false, word: "", part: 0 };
  const tools = document.createElement("div");
  tools.className = "tools";
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "find a trial, an arm, a status, a setting";
  field.setAttribute("aria-label", "find trials");
  const counter = document.createElement("span");
  const [back, on] = ["earlier", "later"].map((word, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = word;
    button.addEventListener("click", () => { state.part += index ? 1 : -1; draw(); });
    return button;
  });
  tools.append(field, counter, back, on);
  place.prepend(tools);

  function draw() {
    let rows = matching(trials, state.word, kinds);
    if (state.column !== null) rows = sorted(rows, state.column, state.falling, kinds);
    const size = trials.length > ALL_AT_ONCE ? PART : Math.max(1, rows.length);
    const parts = Math.max(1, Math.ceil(rows.length / size));
    state.part = Math.min(Math.max(state.part, 0), parts - 1);
    const from = state.part * size;
    const part = rows.slice(from, from + size);
    table.tBodies[0].replaceChildren(...part.map((row) => rowElement(row, classes, kinds)));
    const some = parts > 1 ? `${from + 1} to ${from + part.length} of ` : "";
    counter.textContent = `${some}${rows.length} trial${rows.length === 1 ? "" : "s"}`;
    for (const button of [back, on]) button.hidden = parts === 1;
    back.disabled = state.part === 0;
    on.disabled = state.part === parts - 1;
    heads.forEach((head, column) => {
      const order = state.column !== column ? "none" : state.falling ? "descending" : "ascending";
      head.setAttribute("aria-sort", order);
    });
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    // Of figures the largest are asked for first, but for seeds.
    const first = kinds[column] !== "words" && kinds[column] !== "number";
    button.addEventListener("click", () => {
      state.falling = state.column === column ? !state.falling : first;
      state.column = column;
      state.part = 0;
      draw();
    });
    head.replaceChildren(button);
  });
  field.addEventListener("input", () => { state.word = field.value; state.part = 0; draw(); });
  draw();
}
