// Elements from data: text is text, never markup.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
}

export function say(text) {
  document.getElementById("said").textContent = text;
}

export const SIGNS = { alert: "✕", seen: "✓", watch: "!", silent: "…", unknown: "?", normal: "●" };
const WORDS = {
  alert: "alert", seen: "alert, acknowledged", watch: "watch", silent: "silent", unknown: "unknown", normal: "normal",
};

export function word(status, label) {
  const text = status === "normal" || status === "watch" ? label || WORDS[status] : WORDS[status] + (label ? `: ${label}` : "");
  return h("span", { class: `word ${status}` }, h("span", { "aria-hidden": "true" }, `${SIGNS[status]} `), text);
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(4)));
}

export function percent(share) {
  return `${number(Number((100 * share).toPrecision(3)))} %`;
}

export function time(at) {
  if (at === null || at === undefined) return "–";
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  const text = today ? date.toLocaleTimeString() : date.toLocaleString();
  return h("time", { datetime: date.toISOString() }, text);
}

export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (count >= 1024 && at < units.length - 1) { count /= 1024; at += 1; }
  return `${count >= 100 || at === 0 ? Math.round(count) : count.toFixed(1)} ${units[at]}`;
}

export function table(caption, heads, rows) {
  const numeric = heads.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === "number"));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, heads.map((head, at) => h("th", { scope: "col", class: numeric[at] ? "number" : null }, head)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, at) =>
        h("td", { class: numeric[at] ? "number" : null }, typeof cell === "number" ? number(cell) : cell)))))));
}

export function tiles(pairs) {
  return h("dl", { class: "tiles" }, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}
