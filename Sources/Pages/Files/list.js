// Pages of lists: the blocks of a store, served and set aside, and the stores that a querier asks.
"use strict";

const { prefix, view } = document.body.dataset;
const rowsShownMax = 5000;
const state = document.getElementById("state");
const filter = document.getElementById("filter");

/// A node with a text, or with nodes in it.
function node(tag, content, attributes) {
  const made = document.createElement(tag);
  for (const name of Object.keys(attributes || {})) made.setAttribute(name, attributes[name]);
  if (Array.isArray(content)) made.append(...content);
  else made.textContent = content;
  return made;
}

async function data(path) {
  const response = await fetch(`${prefix}/api/v1/${path}`);
  if (response.status === 204) return {};
  const answer = await response.json();
  if (answer.status !== "success") throw new Error(`${answer.errorType}: ${answer.error}`);
  return answer.data || {};
}

/// Milliseconds as a UTC time; nothing for times that stand for "any".
function time(ms) {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString().replace("T", " ").replace(/\.000Z$|Z$/, "") : "";
}

function duration(ms) {
  const units = [["d", 86400000], ["h", 3600000], ["m", 60000], ["s", 1000], ["ms", 1]];
  const parts = [];
  for (const [unit, size] of units) {
    if (ms >= size) parts.push(Math.floor(ms / size) + unit);
    ms %= size;
  }
  return parts.slice(0, 2).join(" ") || "0";
}

function bytes(count) {
  if (count === null) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; unit++) count /= 1024;
  return `${count < 10 && unit > 0 ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

const labels = (set) => "{" + Object.keys(set || {}).sort().map((name) => `${name}=${JSON.stringify(set[name])}`).join(", ") + "}";
const number = (count) => (count === undefined ? "" : count.toLocaleString("en-US"));

/// A column: a title, what of a row is shown, and by what rows are sorted.
const column = (title, text, key, isNumber) => ({ title, text, key: key || text, isNumber: Boolean(isNumber) });

/// Rows under a title, sorted by the column that was chosen last.
class List {
  constructor(title, columns, rows) {
    Object.assign(this, { title, columns, rows, sorted: null, isDescending: false });
    this.caption = node("h2", "");
    this.body = node("tbody", []);
    const heads = columns.map((chosen) => {
      const button = node("button", chosen.title, { type: "button" });
      const head = node("th", [button], { scope: "col" });
      button.addEventListener("click", () => {
        this.isDescending = this.sorted === chosen && !this.isDescending;
        this.sorted = chosen;
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", this.isDescending ? "descending" : "ascending");
        this.show(filter.value);
      });
      return head;
    });
    this.element = node("section", [
      this.caption,
      node("div", [node("table", [node("thead", [node("tr", heads)]), this.body])], { class: "scroll" }),
    ]);
  }

  show(wanted) {
    const texts = (row) => this.columns.map((column) => column.text(row));
    let rows = this.rows.map((row) => ({ row, texts: texts(row) }));
    if (wanted) rows = rows.filter((shown) => shown.texts.join("\n").includes(wanted));
    if (this.sorted) {
      const way = this.isDescending ? -1 : 1;
      const key = this.sorted.key;
      rows.sort((a, b) => (key(a.row) < key(b.row) ? -way : key(a.row) > key(b.row) ? way : 0));
    }
    this.caption.textContent = `${this.title}: ${rows.length}` + (rows.length < this.rows.length ? ` of ${this.rows.length}` : "");
    this.body.replaceChildren(
      ...rows.slice(0, rowsShownMax).map((shown) =>
        node("tr", shown.texts.map((text, at) => node("td", text, this.columns[at].isNumber ? { class: "value" } : {})))),
    );
    this.element.hidden = this.rows.length === 0;
  }
}

/// The size of a block's files, where its meta.json tells it.
function size(meta) {
  const files = (meta.thanos && meta.thanos.files) || [];
  const known = files.filter((file) => file.size_bytes !== undefined);
  return known.length === 0 ? null : known.reduce((sum, file) => sum + file.size_bytes, 0);
}

async function blockLists() {
  const [loaded, bad] = await Promise.all([data("blocks?view=loaded"), data("blocks?view=bad")]);
  state.textContent = loaded.err || bad.err ? `The last look failed: ${loaded.err || bad.err}` : `as of ${(loaded.refreshedAt || "").slice(0, 19)}`;
  const thanos = (meta) => meta.thanos || {};
  const resolution = (meta) => ((thanos(meta).downsample || {}).resolution || 0);
  const statistic = (name) => (meta) => (meta.stats || {})[name];
  return [
    new List("Set aside", [
      column("Block", (block) => block.ulid), column("What", (block) => block.state), column("Why", (block) => block.reason),
    ], bad.blocks || []),
    new List("Served", [
      column("Block", (meta) => meta.ulid), column("Labels", (meta) => labels(thanos(meta).labels)),
      column("Source", (meta) => thanos(meta).source || ""),
      column("Resolution", (meta) => (resolution(meta) === 0 ? "raw" : duration(resolution(meta))), resolution),
      column("Level", (meta) => `${(meta.compaction || {}).level ?? ""}`),
      column("From, UTC", (meta) => time(meta.minTime), (meta) => meta.minTime),
      column("To, UTC", (meta) => time(meta.maxTime), (meta) => meta.maxTime),
      column("Length", (meta) => duration(meta.maxTime - meta.minTime), (meta) => meta.maxTime - meta.minTime),
      column("Series", (meta) => number(statistic("numSeries")(meta)), statistic("numSeries"), true),
      column("Samples", (meta) => number(statistic("numSamples")(meta)), statistic("numSamples"), true),
      column("Size", (meta) => bytes(size(meta)), (meta) => size(meta) ?? -1, true),
    ], loaded.blocks || []),
  ];
}

async function storeLists() {
  const stores = await data("stores");
  const all = Object.keys(stores).sort();
  const failing = all.reduce((count, type) => count + stores[type].filter((store) => store.lastError).length, 0);
  state.textContent = failing === 0 ? "all stores answer" : `${failing} without an answer`;
  return all.map((type) => new List(type, [
    column("Endpoint", (store) => store.name), column("Health", (store) => (store.lastError ? "down" : "up")),
    column("Labels", (store) => (store.labelSets || []).map(labels).join(" ")),
    column("From, UTC", (store) => time(store.minTime), (store) => store.minTime),
    column("To, UTC", (store) => time(store.maxTime), (store) => store.maxTime),
    column("Asked, UTC", (store) => (store.lastCheck || "").slice(0, 19).replace("T", " ")),
    column("Error", (store) => store.lastError || ""),
  ], stores[type]));
}

async function show() {
  const place = document.getElementById("lists");
  try {
    const lists = await (view === "stores" ? storeLists() : blockLists());
    const again = () => lists.forEach((list) => list.show(filter.value));
    filter.addEventListener("input", again);
    again();
    place.replaceChildren(...lists.map((list) => list.element));
    if (lists.every((list) => list.rows.length === 0)) place.replaceChildren(node("p", `There are no ${view}.`));
  } catch (error) {
    place.replaceChildren(node("p", error.message, { class: "note error", role: "alert" }));
  }
}

show();
