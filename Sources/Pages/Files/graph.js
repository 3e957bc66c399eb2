// The first page: query boxes with the names of metrics and labels offered, answers as a table or as a graph, or what they took.
"use strict";

const prefix = document.body.dataset.prefix;
const seriesDrawnMax = 200;
const rowsShownMax = 5000;
const tabNames = ["table", "graph", "explain"];
const colors = ["#2a78b8", "#d9662b", "#3a9a4b", "#c23b4a", "#8a63c2", "#8c6239", "#d36bb0", "#6f7780", "#a8a12a", "#27a5a8"];
const functions = (
  "abs absent absent_over_time avg avg_over_time bottomk by ceil changes clamp clamp_max clamp_min count count_over_time " +
  "count_values day_of_month day_of_week days_in_month delta deriv exp floor group group_left group_right " +
  "histogram_avg histogram_count histogram_fraction histogram_quantile histogram_sum hour idelta ignoring increase irate " +
  "label_join label_replace last_over_time ln log10 log2 max max_over_time min min_over_time minute month on " +
  "predict_linear present_over_time quantile quantile_over_time rate resets round scalar sgn sort sort_desc sqrt stddev " +
  "stddev_over_time stdvar stdvar_over_time sum sum_over_time time timestamp topk vector without year"
).split(" ");

function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in made && name !== "role") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

async function ask(path, parameters, signal) {
  const body = new URLSearchParams(parameters);
  const response = await fetch(prefix + "/api/v1/" + path, { method: "POST", body, signal });
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`${response.status} ${response.statusText}: ${text.slice(0, 500)}`);
  }
  if (answer.status !== "success") throw new Error(`${answer.errorType}: ${answer.error}`);
  return answer;
}

async function names(path) {
  try {
    const response = await fetch(prefix + "/api/v1/" + path);
    return (await response.json()).data || [];
  } catch {
    return [];
  }
}

const metricNames = names("label/__name__/values?limit=20000");
const labelNames = names("labels?limit=5000");

// Times and durations

const units = { ms: 1, s: 1000, m: 60000, h: 3600000, d: 86400000, w: 604800000, y: 31536000000 };

function durationMs(text) {
  let sum = 0, rest = text.trim();
  while (rest) {
    const part = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)/.exec(rest);
    if (!part) return NaN;
    sum += Number(part[1]) * units[part[2]];
    rest = rest.slice(part[0].length);
  }
  return sum || NaN;
}

function durationText(ms) {
  let rest = ms, text = "";
  for (const [name, size] of [["d", 86400000], ["h", 3600000], ["m", 60000], ["s", 1000], ["ms", 1]]) {
    const whole = Math.floor(rest / size);
    if (whole) text += whole + name;
    rest -= whole * size;
  }
  return text || "0s";
}

function clock(ms, spanMs) {
  const iso = new Date(ms).toISOString();
  if (spanMs > 2 * 86400000) return iso.slice(5, 16).replace("T", " ");
  return spanMs < 600000 ? iso.slice(11, 19) : iso.slice(11, 16);
}

function seriesName(labels) {
  const { __name__: name, ...others } = labels;
  const pairs = Object.entries(others).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return (name || "") + (pairs.length || !name ? `{${pairs.join(", ")}}` : "");
}

function histogramText(histogram) {
  const buckets = (histogram.buckets || []).map(([rule, low, high, count]) => {
    const open = rule === 1 || rule === 3 ? "[" : "(";
    const close = rule === 0 || rule === 3 ? "]" : ")";
    return `\n${open}${low}, ${high}${close}  ${count}`;
  });
  return `count ${histogram.count}  sum ${histogram.sum}${buckets.join("")}`;
}

// A panel: one query and its answer

class Panel {
  constructor(number, state) {
    this.number = number;
    this.state = { expr: "", tab: "graph", range: "1h", end: "", step: "", ...state };
    this.hidden = new Set();
    this.build();
  }

  build() {
    const id = (name) => `${name}-${this.number}`;
    this.input = element("textarea", {
      rows: 1, spellcheck: false, value: this.state.expr, placeholder: "Expression, such as up", id: id("expr"),
      role: "combobox", "aria-label": "Expression", "aria-autocomplete": "list", "aria-expanded": "false",
      "aria-controls": id("names"), autocomplete: "off",
    });
    this.list = element("ul", { role: "listbox", id: id("names"), hidden: true, "aria-label": "Names" });
    const run = element("button", { type: "button", className: "main", textContent: "Execute" });
    const remove = element("button", { type: "button", textContent: "Remove", "aria-label": "Remove this panel" });
    this.tabs = tabNames.map((name) =>
      element("button", { type: "button", role: "tab", id: id(name), textContent: name[0].toUpperCase() + name.slice(1) }));
    const field = (name, label, hint, className) =>
      element("input", { value: this.state[name], placeholder: hint, "aria-label": label, title: label, className: className || "" });
    this.range = field("range", "Range", "1h");
    this.end = field("end", "End, UTC", "now", "time");
    this.step = field("step", "Resolution", "auto");
    const zoom = (text, factor) => {
      const button = element("button", { type: "button", textContent: text, "aria-label": factor > 1 ? "Longer range" : "Shorter range" });
      button.onclick = () => { this.range.value = durationText((durationMs(this.range.value) || 3600000) * factor); this.run(); };
      return button;
    };
    this.rangeBar = element("span", { className: "bar" }, zoom("−", 0.5), this.range, zoom("+", 2), this.end, this.step);
    this.status = element("span", { className: "muted", role: "status" });
    this.notes = element("div");
    this.view = element("div", { role: "tabpanel" });
    this.root = element("section", { className: "panel", "aria-label": `Panel ${this.number + 1}` },
      element("div", { className: "query" }, this.input, run, this.list),
      element("div", { className: "bar" },
        element("span", { role: "tablist", className: "bar" }, ...this.tabs), this.rangeBar, remove, this.status),
      this.notes, this.view);

    run.onclick = () => this.run();
    remove.onclick = () => removePanel(this);
    for (const [index, tab] of this.tabs.entries()) {
      tab.onclick = () => { this.state.tab = tabNames[index]; this.run(); };
      tab.onkeydown = (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (by) this.tabs[(index + by + this.tabs.length) % this.tabs.length].focus();
      };
    }
    for (const input of [this.range, this.end, this.step]) {
      input.onkeydown = (event) => { if (event.key === "Enter") this.run(); };
    }
    this.input.onkeydown = (event) => this.key(event);
    this.input.oninput = () => { this.grow(); this.offer(); };
    this.input.onblur = () => setTimeout(() => this.close(), 150);
    this.grow();
    this.mark();
  }

  grow() { this.input.rows = Math.min(12, this.input.value.split("\n").length); }

  mark() {
    for (const [index, tab] of this.tabs.entries()) {
      const isOpen = tabNames[index] === this.state.tab;
      tab.setAttribute("aria-selected", String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
    }
    this.range.hidden = this.step.hidden = this.state.tab === "table";
    for (const button of this.rangeBar.querySelectorAll("button")) button.hidden = this.state.tab === "table";
  }

  // Names while typing

  word() {
    const before = this.input.value.slice(0, this.input.selectionStart);
    const match = /[A-Za-z_:][\w:]*$/.exec(before);
    if (!match) return null;
    const start = before.length - match[0].length;
    const open = before.lastIndexOf("{"), closed = before.lastIndexOf("}");
    const inQuotes = (before.slice(Math.max(0, open)).match(/"/g) || []).length % 2 === 1;
    if (inQuotes) return null;
    const grouping = /\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*$/.test(before);
    return { text: match[0], start, isLabel: open > closed || grouping };
  }

  async offer() {
    const word = this.word();
    if (!word) return this.close();
    const pool = word.isLabel
      ? (await labelNames).map((name) => [name, "label"])
      : [...functions.map((name) => [name, "function"]), ...(await metricNames).map((name) => [name, "metric"])];
    const wanted = word.text.toLowerCase();
    const found = pool
      .map(([name, kind]) => [name, kind, name.toLowerCase().indexOf(wanted)])
      .filter(([name, , at]) => at >= 0 && name !== word.text)
      .sort((a, b) => (a[2] > 0) - (b[2] > 0) || a[0].length - b[0].length || (a[0] < b[0] ? -1 : 1))
      .slice(0, 50);
    if (!found.length || document.activeElement !== this.input) return this.close();
    this.list.replaceChildren(...found.map(([name, kind], index) => {
      const option = element("li", { role: "option", id: `${this.list.id}-${index}`, "aria-selected": "false" },
        element("span", { textContent: name }), element("span", { textContent: kind, className: "muted" }));
      option.dataset.name = name;
      option.onmousedown = (event) => { event.preventDefault(); this.take(option); };
      return option;
    }));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  chosen() { return this.list.hidden ? null : this.list.querySelector("[aria-selected=true]"); }

  choose(by) {
    const options = [...this.list.children];
    const old = options.indexOf(this.chosen());
    const next = options[(old + by + options.length + (old < 0 && by < 0 ? 1 : 0)) % options.length];
    if (old >= 0) options[old].setAttribute("aria-selected", "false");
    next.setAttribute("aria-selected", "true");
    next.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", next.id);
  }

  take(option) {
    const word = this.word();
    if (word) this.input.setRangeText(option.dataset.name, word.start, this.input.selectionStart, "end");
    this.close();
  }

  key(event) {
    const isOpen = !this.list.hidden;
    if (isOpen && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.choose(event.key === "ArrowDown" ? 1 : -1);
    } else if (isOpen && event.key === "Escape") {
      this.close();
    } else if (this.chosen() && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      this.take(this.chosen());
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.close();
      this.run();
    }
  }

  // Asking

  note(kind, text) { this.notes.append(element("div", { className: `note ${kind}`, role: "alert", textContent: text })); }

  async run() {
    this.state = { ...this.state, expr: this.input.value, range: this.range.value, end: this.end.value, step: this.step.value };
    this.mark();
    keepInAddress();
    this.notes.replaceChildren();
    this.asking?.abort();
    if (!this.state.expr.trim()) { this.view.replaceChildren(); this.status.textContent = ""; return; }
    const asking = (this.asking = new AbortController());
    const begin = performance.now();
    this.status.textContent = "…";
    try {
      const endMs = this.state.end.trim() ? Date.parse(/[zZ]|[+-]\d\d:\d\d$/.test(this.state.end) ? this.state.end : this.state.end.trim().replace(" ", "T") + "Z") : Date.now();
      if (Number.isNaN(endMs)) throw new Error(`not a time: ${this.state.end}; write 2026-01-31 12:00`);
      const answer = await this[this.state.tab](endMs, asking.signal);
      for (const text of answer.warnings || []) this.note("warning", text);
      for (const text of answer.infos || []) this.note("warning", text);
      const count = Array.isArray(answer.data.result) ? answer.data.result.length : 1;
      const series = this.state.tab === "explain" ? "" : `${count} series, `;
      this.status.textContent = `${series}${Math.round(performance.now() - begin)} ms`;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.view.replaceChildren();
      this.status.textContent = "";
      this.note("error", error.message);
    }
  }

  async table(endMs, signal) {
    const answer = await ask("query", { query: this.state.expr, time: endMs / 1000, limit: rowsShownMax }, signal);
    const { resultType, result } = answer.data;
    const cell = (text) => element("td", { className: "value", textContent: text });
    let rows;
    if (resultType === "scalar" || resultType === "string") {
      rows = [element("tr", {}, element("td", { textContent: resultType }), cell(result[1]))];
    } else {
      rows = result.map((series) => {
        const samples = series.values || series.histograms
          ? [...(series.values || []), ...(series.histograms || [])].sort((a, b) => a[0] - b[0])
          : [series.value || series.histogram];
        const text = samples.map(([time, value]) => {
          const shown = typeof value === "string" ? value : histogramText(value);
          return resultType === "matrix" ? `${shown} @${time}` : shown;
        });
        return element("tr", {}, element("td", { textContent: seriesName(series.metric) }), cell(text.join("\n")));
      });
    }
    this.view.replaceChildren(rows.length
      ? element("div", { className: "scroll" }, element("table", {},
        element("thead", {}, element("tr", {}, element("th", { textContent: "Series" }), element("th", { textContent: "Value" }))),
        element("tbody", {}, ...rows)))
      : element("p", { className: "muted", textContent: "No series." }));
    return answer;
  }

  // Start, end and resolution of a graph.
  grid(endMs) {
    const rangeMs = durationMs(this.state.range);
    if (Number.isNaN(rangeMs)) throw new Error(`not a range: ${this.state.range}; write 30m, 1h or 2d`);
    let stepMs = this.state.step.trim() ? durationMs(this.state.step) : Math.max(1000, Math.ceil(rangeMs / 250 / 1000) * 1000);
    if (Number.isNaN(stepMs)) stepMs = Number(this.state.step) * 1000;
    if (!(stepMs > 0)) throw new Error(`not a resolution: ${this.state.step}; write 15s or 1m`);
    return { startMs: endMs - rangeMs, endMs, stepMs };
  }

  // What the API is asked of a graph.
  rangeParameters({ startMs, endMs, stepMs }) {
    return { query: this.state.expr, start: startMs / 1000, end: endMs / 1000, step: stepMs / 1000 };
  }

  async graph(endMs, signal) {
    const grid = this.grid(endMs);
    const answer = await ask("query_range", this.rangeParameters(grid), signal);
    this.drawn = { series: answer.data.result, ...grid };
    this.hidden.clear();
    this.draw();
    return answer;
  }

  // What the operations of the graph's query take: a row each, those below it further to the right.
  async explain(endMs, signal) {
    const answer = await ask("query_range", { ...this.rangeParameters(this.grid(endMs)), analyze: "true", limit: 1 }, signal);
    answer.warnings = (answer.warnings || []).filter((text) => !text.startsWith("results truncated due to limit"));
    const operations = [];
    const visit = (node, depth) => {
      const children = node.children || [];
      const below = children.reduce((sum, child) => sum + goSeconds(child.executionTime), 0);
      operations.push({ node, depth, own: Math.max(0, goSeconds(node.executionTime) - below) });
      for (const child of children) visit(child, depth + 1);
    };
    visit(answer.data.analysis, 0);
    const most = operations.reduce((a, b) => (b.own > a.own ? b : a));
    const whole = operations.reduce((sum, operation) => sum + operation.own, 0) || 1;
    const asksStores = operations.some(({ node }) => node.fanout);
    const heads = ["Operation", "Share", "Time", "Rows", "Samples", "Memory", ...(asksStores ? ["Stores"] : [])];
    const rows = operations.map((operation) => {
      const { node, depth, own } = operation;
      const stores = (node.fanout || []).map((store) =>
        `${store.endpointAddr}: ${store.series || 0} series, ${bytesText(store.bytesProcessed || 0)} in ${store.duration}`);
      const share = Math.round((own / whole) * 100);
      const cells = [`${share} %`, node.executionTime, node.rows || "", node.totalSamples || "", node.peakMemory ? bytesText(node.peakMemory) : ""];
      return element("tr", operation === most ? { className: "most" } : {},
        element("td", { style: `padding-left:${0.5 + 1.2 * depth}rem` },
          element("span", { textContent: node.name }), operation === most ? element("b", { textContent: " ← most" }) : null,
          element("i", { className: "share", style: `width:${share}%` })),
        ...cells.map((text) => element("td", { className: "value", textContent: String(text) })),
        asksStores ? element("td", { textContent: stores.join("\n"), className: "stores" }) : null);
    });
    this.view.replaceChildren(element("div", { className: "scroll" }, element("table", { className: "operations" },
      element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { textContent: text })))),
      element("tbody", {}, ...rows))),
    element("p", { className: "muted", textContent: "Time: with what is below. Memory: the query's, when it was highest. The graph's range is asked." }));
    return answer;
  }

  // Drawing

  draw() {
    const { series: all, startMs, endMs, stepMs } = this.drawn;
    if (!all.length) {
      this.view.replaceChildren(element("p", { className: "muted", textContent: "No series." }));
      return;
    }
    const series = all.slice(0, seriesDrawnMax).map((one, index) => ({
      name: seriesName(one.metric), color: colors[index % colors.length],
      points: one.values
        ? one.values.map(([time, value]) => [time * 1000, Number(value)])
        : (one.histograms || []).map(([time, value]) => [time * 1000, Number(value.count)]),
    }));
    const shown = series.filter((one) => !this.hidden.has(one.name));
    const values = shown.flatMap((one) => one.points.map((point) => point[1])).filter(Number.isFinite);
    let low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    if (!values.length) [low, high] = [0, 1];
    if (low === high) [low, high] = [low - (Math.abs(low) * 0.1 || 1), high + (Math.abs(high) * 0.1 || 1)];
    const width = Math.max(480, this.view.clientWidth || 900), height = 340;
    const [left, right, top, bottom] = [64, 12, 8, 22];
    const x = (time) => left + ((time - startMs) / (endMs - startMs)) * (width - left - right);
    const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
    const svg = (tag, attributes, text) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      if (text !== undefined) made.textContent = text;
      return made;
    };
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Graph of ${shown.length} series` });
    const distance = niceDistance((high - low) / 5);
    for (let value = Math.ceil(low / distance) * distance; value <= high + distance * 1e-9; value += distance) {
      picture.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
      picture.append(svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, shortNumber(Math.abs(value) < distance * 1e-6 ? 0 : value)));
    }
    for (let index = 0; index <= 6; index++) {
      const time = startMs + ((endMs - startMs) * index) / 6;
      const anchor = index === 0 ? "start" : index === 6 ? "end" : "middle";
      picture.append(svg("text", { x: x(time), y: height - 6, "text-anchor": anchor }, clock(time, endMs - startMs)));
    }
    for (const one of shown) {
      let path = "", last = -Infinity;
      for (const [time, value] of one.points) {
        if (!Number.isFinite(value)) { last = -Infinity; continue; }
        const joined = time - last <= stepMs * 1.5;
        path += `${joined ? "L" : "M"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
        if (!joined) path += "h.01";
        last = time;
      }
      picture.append(svg("path", { d: path || "M0 0", fill: "none", stroke: one.color, "stroke-width": 1.6, "stroke-linecap": "round", "stroke-linejoin": "round" }));
    }
    const cursor = svg("line", { class: "cursor", y1: top, y2: height - bottom, x1: -9, x2: -9 });
    picture.append(cursor);
    const entries = series.map((one) => {
      const value = element("b");
      const button = element("button", { type: "button", "aria-pressed": String(!this.hidden.has(one.name)) },
        element("i", { style: `background:${one.color}` }), element("span", { textContent: one.name }), value);
      button.onclick = () => {
        if (!this.hidden.delete(one.name)) this.hidden.add(one.name);
        this.draw();
      };
      return { button, value, one };
    });
    const when = element("p", { className: "muted", textContent: "Times are UTC." });
    picture.onpointermove = (event) => {
      const box = picture.getBoundingClientRect();
      const at = ((event.clientX - box.left) / box.width) * width;
      const time = startMs + ((at - left) / (width - left - right)) * (endMs - startMs);
      const step = Math.round((time - startMs) / stepMs) * stepMs + startMs;
      cursor.setAttribute("x1", x(step));
      cursor.setAttribute("x2", x(step));
      when.textContent = new Date(step).toISOString().replace("T", " ").replace(/\.000Z$/, " UTC");
      for (const { value, one } of entries) {
        const point = one.points.find((candidate) => Math.abs(candidate[0] - step) < stepMs / 2);
        value.textContent = point ? String(point[1]) : "";
      }
    };
    this.view.replaceChildren(picture, when, element("div", { className: "legend" }, ...entries.map((entry) => entry.button)));
    if (all.length > series.length) {
      this.view.append(element("p", { className: "muted", textContent: `The first ${series.length} of ${all.length} series are drawn; aggregate, or use topk.` }));
    }
  }
}

// Seconds of a duration as Go writes it: 2m3.5s, 12.5ms, 250µs.
function goSeconds(text) {
  const sizes = { ns: 1e-9, "µs": 1e-6, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };
  let sum = 0;
  for (const [, number, unit] of String(text).matchAll(/([\d.]+)(ns|µs|us|ms|s|m|h)/g)) sum += Number(number) * sizes[unit];
  return sum;
}

function bytesText(count) {
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (count >= size) return `${Number((count / size).toPrecision(3))} ${unit}`;
  }
  return `${count} B`;
}

function niceDistance(raw) {
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = raw / power;
  return (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10) * power;
}

function shortNumber(value) {
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return Number((value / size).toPrecision(4)) + unit;
  }
  return String(Number(value.toPrecision(4)));
}

// Panels and the address that names them: g0.expr, g0.tab (0 graph, 1 table, 2 explain), g0.range_input, g0.end_input, g0.step_input

let panels = [];

function addPanel(state) {
  const panel = new Panel(panels.length ? panels[panels.length - 1].number + 1 : 0, state);
  panels.push(panel);
  document.getElementById("panels").append(panel.root);
  return panel;
}

function removePanel(panel) {
  panels = panels.filter((other) => other !== panel);
  panel.asking?.abort();
  panel.root.remove();
  if (!panels.length) addPanel({});
  panels[panels.length - 1].input.focus();
  keepInAddress();
}

function keepInAddress() {
  const query = new URLSearchParams();
  for (const [index, { state }] of panels.entries()) {
    const set = (name, value) => value && query.set(`g${index}.${name}`, value);
    set("expr", state.expr);
    set("tab", { graph: "0", table: "1", explain: "2" }[state.tab]);
    set("range_input", state.range);
    set("end_input", state.end);
    set("step_input", state.step);
  }
  history.replaceState(null, "", `${prefix}/graph?${query}`);
}

function panelsOfAddress() {
  const query = new URLSearchParams(location.search);
  const states = [];
  for (let index = 0; query.has(`g${index}.expr`); index++) {
    const get = (name) => query.get(`g${index}.${name}`) || "";
    const tab = get("tab");
    states.push({
      expr: get("expr"), tab: { 1: "table", 2: "explain" }[tab] || (tabNames.includes(tab) ? tab : "graph"), range: get("range_input") || "1h",
      end: get("end_input") || get("moment_input"), step: get("step_input"),
    });
  }
  return states;
}

document.getElementById("add").onclick = () => addPanel({}).input.focus();
for (const state of panelsOfAddress()) addPanel(state).run();
if (!panels.length) addPanel({});
panels[0].input.focus();
let resizing;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => panels.forEach((panel) => panel.drawn && panel.state.tab === "graph" && panel.draw()), 100);
});
names("status/buildinfo").then((facts) => {
  if (facts.version) document.getElementById("server").textContent = facts.version;
});
