// The gateway itself: links, sources, rejects, store, models, sinks, problems; and the global stop.
import { ask, me, read } from "./api.js";
import { bytes, fill, h, number, say, table, tiles, time, word } from "./dom.js";

export function gateway({ main, hear, onleave }) {
  const now = h("div"), wrong = h("div"), links = h("div"), sources = h("div"), store = h("div"), models = h("div"), sinks = h("div"), rejects = h("div"), stopping = h("div");
  const part = (title, place) => h("section", {}, h("h2", {}, title), place);
  fill(main, h("h1", {}, "Gateway"), h("section", { "aria-label": "Now" }, now),
    me.role === "operator" ? part("Stop", stopping) : null,
    part("Problems", wrong), h("div", { class: "pair" },
      h("div", {}, part("Links", links), part("Sources", sources)),
      h("div", {}, part("Store", store), part("Models", models), part("Sinks", sinks))),
    part("Rejected messages", rejects));
  let closed = false, health = {}, next = 0;
  onleave(() => { closed = true; });
  if (me.role === "operator") stop(stopping, () => health.stop);

  async function showRejects() {
    next = Date.now() + 10000;
    try {
      const rows = await read("/api/gateway/rejects");
      if (!closed) fill(rejects, rows.length ? rows.map(reject) : h("p", { class: "soft" }, "None is kept."));
    } catch (error) { fill(rejects, h("p", { class: "error" }, error.message)); }
  }
  showRejects();

  hear("gateway", (documents, news) => {
    health = documents.health || health;
    const state = documents.state || {};
    fill(now, tiles([["State", word(state.state === "running" ? "normal" : "watch", state.state || "unknown")],
      ["Since", time(state.since)], ["Version", me.gateway.version], ["Clock", health.clock_ok ? "synchronised" : "not synchronised"]]));
    const list = (documents.problems || {}).problems || [];
    fill(wrong, list.length ? h("ul", { class: "problems" }, list.map((one) => h("li", {}, one.text, " ", h("span", { class: "soft" }, ["since ", time(one.since)])))) : h("p", {}, "None."));
    showLinks(health, links, sources);
    showStore(health, store);
    showModels(health, models);
    showSinks(documents.sync || health.sync || {}, sinks);
    if (stopping.firstChild) stopping.know();
    if ("health" in news && Date.now() > next) showRejects();
  });
}

function showLinks(health, links, sources) {
  fill(links, table("Brokers", ["Broker", "State", "MQTT", "Received"], Object.entries(health.brokers || {}).map(([name, one]) =>
    [name, one.connected ? "connected" : `not connected${one.error ? `: ${one.error}` : ""}`, one.protocol || "–", one.counters.received || 0])));
  fill(sources, table("Sources", ["Source", "Messages", "Readings", "Rejects", "Last", "State"], Object.entries(health.sources || {}).map(([name, one]) =>
    [name, one.messages, one.readings, one.rejects, one.last_s === null ? "never" : `${one.last_s} s ago`,
      one.bridge_online === false ? "bridge offline" : one.silent ? "silent" : one.offline.length ? `${one.offline.length} offline` : "heard"])));
}

function showStore(health, place) {
  const one = health.store;
  if (!one) return;
  fill(place, tiles([["State", one.state], ["Size", bytes(one.bytes)], ["Free on the disk", bytes(one.free_disk_bytes)]]),
    table("Rows", ["Table", "Rows"], Object.entries(one.rows)));
}

function showModels(health, place) {
  const worker = health.worker || {};
  const rates = Object.entries(health.models || {});
  fill(place, tiles([["Worker", worker.state || "–"], ["Restarts", String(worker.restarts ?? "–")], ["Memory", bytes(worker.rss_bytes || 0)]]),
    rates.length ? table("Models", ["Model", "How it answers"], rates.map(([name, one]) => [name, plain(one)])) : h("p", { class: "soft" }, "No model is asked."));
}

function plain(value) {
  if (value === null || typeof value !== "object") return number(value);
  return Object.entries(value).map(([key, one]) => `${key} ${plain(one)}`).join(", ") || "–";
}

function showSinks(sync, place) {
  const sinks = Object.entries(sync.sinks || {});
  fill(place, sinks.length ? table("Clouds", ["Sink", "How it stands"], sinks.map(([name, one]) => [name, plain(one)])) : h("p", { class: "soft" }, "No cloud is told anything."));
}

function reject(one) {
  return h("details", {}, h("summary", {}, time(one.at_ms), ` ${one.source || "no source"}: ${one.reason} `, h("span", { class: "soft" }, one.topic)),
    one.detail ? h("p", {}, one.detail) : null, h("pre", { tabindex: "0", role: "region", "aria-label": `Payload, ${one.bytes} bytes` }, one.payload));
}

function stop(place, held) {
  const said = h("p", { role: "status" });
  const reason = h("input", { name: "reason", maxlength: "200", required: true });
  const begin = h("button", {}, "Stop everything");
  const end = h("button", { type: "button", onclick: () => act({ on: false }, end) }, "Go on");
  async function act(fields, button) {
    button.disabled = true;
    said.className = "";
    try {
      await ask("/api/gateway/stop", fields);
      said.textContent = fields.on ? "stopped: nothing is commanded any more" : "the stop has ended";
    } catch (error) { said.className = "error"; said.textContent = error.message; }
    say(said.textContent);
    button.disabled = false;
  }
  fill(place, h("p", {}, "While it is stopped nothing is commanded, by nobody."), said,
    h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); act({ on: true, reason: reason.value }, begin); } },
      h("label", {}, "Reason", reason), begin, end));
  place.know = () => { end.disabled = !held(); };
  place.know();
}
