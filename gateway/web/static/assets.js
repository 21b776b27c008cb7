// All assets at a glance, the worst first.
import { fill, h, number, say, time, tiles, word } from "./dom.js";

export function assets({ main, hear }) {
  const about = h("div");
  const list = h("ul", { class: "glance", "aria-label": "Assets, the worst first" });
  const problems = h("div");
  fill(main, h("h1", {}, "Assets"), about, problems, list);
  const cards = new Map();
  let order = "";
  let before = null;

  hear("assets", (documents) => {
    const known = Object.entries(documents).filter(([key]) => key.startsWith("asset/")).map(([, one]) => one);
    known.sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name));
    for (const one of known) {
      const shown = cards.get(one.asset) || h("li");
      cards.set(one.asset, shown);
      const text = JSON.stringify({ ...one, ts: "" });
      if (shown.dataset.text !== text && !shown.contains(document.activeElement)) {
        shown.dataset.text = text;
        fill(shown, card(one));
        shown.className = `card ${one.status}`;
      } else if (shown.dataset.text !== text) {
        shown.dataset.text = text;
        shown.className = `card ${one.status}`;
        shown.querySelector(".rest").replaceWith(rest(one));
      }
    }
    const now = known.map((one) => one.asset).join("\n");
    if (now !== order) {
      const focused = document.activeElement;
      list.replaceChildren(...known.map((one) => cards.get(one.asset)));
      if (list.contains(focused)) focused.focus();
      order = now;
    }
    fill(about, tiles(["alert", "seen", "watch", "silent", "unknown", "normal"]
      .map((status) => [status, known.filter((one) => one.status === status).length])
      .filter(([, count]) => count)
      .map(([status, count]) => [word(status, ""), String(count)])));
    const wrong = documents.problems ? documents.problems.count : 0;
    fill(problems, wrong ? h("p", {}, h("a", { href: "#/gateway" }, `${wrong} problem${wrong > 1 ? "s" : ""} of the gateway`)) : null);
    before = told(known, before);
  });
}

function told(known, before) {
  const now = new Map(known.map((one) => [one.asset, one.status]));
  const news = before ? known.filter((one) => one.status === "alert" && before.get(one.asset) !== "alert") : [];
  if (news.length) say(`alert: ${news.map((one) => one.name).join(", ")}`);
  return now;
}

function card(one) {
  return [h("h2", {}, h("a", { href: `#/asset/${encodeURIComponent(one.asset)}` }, one.name)), rest(one)];
}

function rest(one) {
  const held = ["hold", "maintenance"].filter((key) => one[key]).map((key) => `${key} by ${one[key].author}`);
  return h("div", { class: "rest" },
    h("p", {}, word(one.status, one.alert_label || one.label)),
    h("p", { class: "soft" },
      one.score === null ? null : `score ${number(one.score)} by ${one.rung}. `,
      one.since ? ["since ", time(one.since), ". "] : null,
      one.mode ? `mode ${one.mode_override ? one.mode_override.mode : one.mode}` : "no policy"),
    held.length ? h("p", {}, held.join(", ")) : null);
}
