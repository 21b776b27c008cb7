// One asset: how it is, its curves, what was decided and why, and what a person can do.
import { assetPath, me, read } from "./api.js";
import { bar, chart, ready } from "./charts.js";
import { fill, h, number, table, tiles, time, word } from "./dom.js";
import { deeds } from "./deeds.js";

const SPANS = [["900", "15 minutes"], ["3600", "1 hour"], ["21600", "6 hours"], ["86400", "1 day"], ["604800", "7 days"]];
const EVERY_MS = 15000;

export async function asset({ main, id, hear, onleave }) {
  const title = h("h1", {}, id);
  const now = h("div"), metrics = h("div"), why = h("div"), past = h("div"), curves = h("div"), acting = h("div", { class: "deeds" });
  const span = h("select", { name: "span" }, SPANS.map(([value, text]) => h("option", { value, selected: value === "3600" }, text)));
  fill(main, title,
    h("section", { "aria-label": "Now" }, now),
    h("div", { class: "pair" },
      h("div", {}, h("section", {}, h("h2", {}, "Why"), why),
        h("section", { hidden: me.role !== "operator" }, h("h2", {}, "Decide"), acting)),
      h("div", {}, h("section", {}, h("h2", {}, "Timeline"), past),
        h("section", {}, h("h2", {}, "Trends"), h("form", { class: "row", onsubmit: (event) => event.preventDefault() }, h("label", {}, "Time", span)), curves),
        h("section", {}, h("h2", {}, "Metrics"), metrics))));
  const page = { id, about: {}, documents: {}, open: [], closed: false };
  onleave(() => { page.closed = true; closeCurves(page); });
  try {
    page.about = await read(assetPath(id));
  } catch (error) {
    fill(main, h("h1", {}, id), h("p", { class: "error" }, error.message));
    return;
  }
  title.textContent = page.about.name;
  document.title = `${page.about.name} – ${me.gateway.name}`;
  const form = me.role === "operator" ? deeds(acting, page, () => refresh(true)) : null;

  let due = 0, deadline = 0;
  async function refresh() {
    clearTimeout(due);
    due = 0;
    deadline = Date.now() + EVERY_MS;
    if (page.closed) return;
    await Promise.all([showPast(page, past, why), showCurves(page, span.value, curves)]);
  }
  const soon = () => { if (!due) due = setTimeout(refresh, 1200); };
  const timer = setInterval(() => { if (Date.now() > deadline && !document.hidden) soon(); }, 5000);
  onleave(() => { clearInterval(timer); clearTimeout(due); });
  span.addEventListener("change", refresh);

  hear(`asset/${id}`, (documents, news) => {
    page.documents = documents;
    showNow(documents, now);
    showMetrics(page, documents.state, metrics);
    if (form) form.know(documents);
    if (["decision", "command", "explanation", "alert"].some((kind) => kind in news)) soon();
  });
  refresh();
}

function statusOf(state, availability) {
  if (state.alert) return state.acknowledged ? "seen" : "alert";
  if (availability === "offline") return "silent";
  if (state.label === "unknown") return "unknown";
  return ["normal", "idle", "ok", "healthy"].includes(state.label) ? "normal" : "watch";
}

function showNow(documents, place) {
  const state = documents.state || {};
  const pairs = [["State", word(statusOf(state, documents.availability), (documents.alert || {}).label || state.label || "unknown")],
    ["Score", state.interval ? `${number(state.score)} (${number(state.interval[0])} to ${number(state.interval[1])})` : number(state.score)],
    ["By", state.rung || "none"],
    ["Mode", state.mode_override ? `${state.mode_override.mode}, by ${state.mode_override.author}` : state.mode || "no policy"],
    ...Object.entries(state.scores || {}).map(([model, score]) => gauge(model, score, state, (documents.models || {})[model] || {}))];
  for (const key of ["hold", "maintenance", "acknowledged"]) {
    const one = state[key];
    if (one) pairs.push([key[0].toUpperCase() + key.slice(1), [`${one.author}${one.reason ? `: ${one.reason}` : ""}`, one.until ? [" until ", time(one.until)] : ""]]);
  }
  const quiet = Object.entries(state.abstained || {});
  const slots = documents.fleet;
  if (slots) pairs.push(["Commanded by", slots.holder || "nobody"]);
  fill(place, dl(pairs), quiet.length ? h("p", { class: "soft" }, `No answer from ${quiet.map(([rung, why]) => `${rung}: ${why}`).join("; ")}`) : null,
    documents.maintenance && documents.maintenance.state === "raised"
      ? h("div", {}, h("h2", {}, "Drift"), h("ul", {}, documents.maintenance.causes.map((one) => h("li", {}, `${one.model}: ${one.text}`)))) : null);
}

// A model's score, or the life that it says remains.
function gauge(model, score, state, about) {
  if (about.task !== "rul") return [model, number(score)];
  const ends = state.rung === `model:${model}` ? state.interval : null;
  return [`Remaining life (${model})`, `${number(score)}${about.unit ? ` ${about.unit}` : ""}${ends ? ` (${number(ends[0])} to ${number(ends[1])})` : ""}`];
}

function dl(pairs) {
  const shown = tiles([]);
  for (const [name, value] of pairs) shown.append(h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  return shown;
}

function showMetrics(page, state, place) {
  const rows = Object.entries((state || {}).metrics || {}).map(([name, one]) => [name,
    one.value === null ? "–" : `${number(one.value)} ${one.unit}`,
    one.quality === "good" ? "good" : `${one.quality}: ${one.reason}`,
    one.age_s === null ? "never" : `${Math.round(one.age_s)} s ago`]);
  fill(place, table("Newest values", ["Metric", "Value", "Quality", "Heard"], rows));
}

async function showPast(page, past, why) {
  let told;
  try { told = await read(`${assetPath(page.id)}/timeline`); } catch (error) { fill(past, h("p", { class: "error" }, error.message)); return; }
  const decisions = told.decisions;
  const rows = [...decisions.map((one) => [one.at_ms, 1, decision(one)]), ...told.verdicts.map((one) => [one.at_ms, 0, verdict(one)])];
  rows.sort((one, other) => other[0] - one[0] || other[1] - one[1]);
  const explained = decisions.find((one) => one.explanation);
  if (explained) explain(page, explained, why);
  else fill(why, h("p", { class: "soft" }, "Nothing was decided yet."));
  fill(past, rows.length ? h("ol", { class: "timeline", tabindex: "0", "aria-label": "Verdicts and decisions, the newest first" }, rows.map(([, , shown]) => shown)) : h("p", { class: "soft" }, "Nothing was judged yet."));
}

function explain(page, one, place) {
  const told = one.explanation;
  const bars = told.channels.map((each, at) => h("li", {}, h("div", {}, told.words[at] || each.channel), bar(each.share)));
  fill(place, h("p", {}, `${one.event}: ${one.label}, `, time(one.at_ms)),
    bars.length ? h("ul", { class: "bars" }, bars) : told.words.map((text) => h("p", {}, text)),
    told.note ? h("p", { class: "soft" }, told.note) : null);
}

function verdict(one) {
  return h("li", { class: "verdict" }, h("div", {}, time(one.at_ms), ` judged ${one.label}`),
    h("div", { class: "soft" }, `by ${one.rung}${one.score === null ? "" : `, score ${number(one.score)}`}`));
}

function decision(one) {
  const commands = one.commands.map((each) => h("li", {},
    `${each.action} to ${each.source}/${each.device}: `, h("strong", {}, each.state),
    each.evidence || each.reason ? ` – ${each.evidence || each.reason}` : ""));
  return h("li", { class: one.event },
    h("div", {}, time(one.at_ms), " ", h("strong", {}, `${one.event}: ${one.label}`)),
    h("div", { class: "soft" }, `${one.mode}${one.action ? `, ${one.action}` : ""}${one.score === null ? "" : `, score ${number(one.score)}`} by ${one.rung}${one.refused ? `; refused: ${one.refused}` : ""}`),
    commands.length ? h("ul", {}, commands) : null);
}

// Between what a metric usually lies, as a model knows it; else between what most of these do.
function usually(page, told, name) {
  const known = (page.documents.usual || {})[name];
  return known ? { usual: known, how: "usually" } : { usual: told.mostly[name] || null, how: "nine in ten" };
}

function closeCurves(page) {
  for (const one of page.open) one.close();
  page.open = [];
}

async function showCurves(page, span, place) {
  let told;
  try { await ready(); told = await read(`${assetPath(page.id)}/trends?span=${span}`); } catch (error) { fill(place, h("p", { class: "error" }, error.message)); return; }
  if (page.closed) return;
  closeCurves(page);
  const made = Object.entries(told.metrics).filter(([, curve]) => curve.length > 1)
    .map(([name, curve]) => chart(name, page.about.metrics[name] || "", curve, usually(page, told, name)));
  if (told.score.length > 1) made.unshift(chart("score", "", told.score, { level: told.level }));
  page.open = made;
  fill(place, made.length ? made.map((one) => one.element) : h("p", { class: "soft" }, "There are no readings of this time."),
    told.cut ? h("p", { class: "soft" }, ["Only from ", time(told.from_ms), " on: there are too many readings to show."]) : null);
}
