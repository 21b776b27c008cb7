// The gateway itself: links, sources, rejects, store, models, drift, sinks, problems; and the stop.
import { ask, me, read } from "./api.js";
import { bytes, fill, h, number, percent, say, table, tiles, time, word } from "./dom.js";
import { showFleet, showInference, showSinks } from "./clouds.js";

export function gateway({ main, hear, onleave }) {
  const now = h("div"), wrong = h("div"), links = h("div"), sources = h("div"), store = h("div"), models = h("div"), versions = h("div"), drift = h("div"), inference = h("div"), fleet = h("div"), sinks = h("div"), dropped = h("div"), rejects = h("div"), stopping = h("div");
  const part = (title, place) => h("section", {}, h("h2", {}, title), place);
  fill(main, h("h1", {}, "Gateway"), h("section", { "aria-label": "Now" }, now),
    me.role === "operator" ? part("Stop", stopping) : null,
    part("Problems", wrong), h("div", { class: "pair" },
      h("div", {}, part("Links", links), part("Sources", sources), part("Dropped", dropped), part("Drift", drift)),
      h("div", {}, part("Store", store), part("Sinks", [sinks, inference, fleet]))),
    part("Models", [models, versions]), part("Rejected messages", rejects));
  let closed = false, health = {}, next = 0, known = "";
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
  async function showVersions(info) {
    known = info;
    try {
      const rows = await read("/api/gateway/models");
      if (!closed) fill(versions, rows.length ? versionTable(rows) : null);
    } catch (error) { fill(versions, h("p", { class: "error" }, error.message)); }
  }

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
    showDrift(documents, drift);
    showSinks(documents.sync || health.sync || {}, sinks);
    showInference(health.inference || {}, inference);
    showFleet(health.fleet, fleet);
    showDropped(health.counters || {}, dropped);
    if (stopping.firstChild) stopping.know();
    if ("health" in news && Date.now() > next) { showRejects(); known = ""; }
    const told = JSON.stringify((documents.info || {}).models || {});
    if (told !== known) showVersions(told);
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
    rates.length ? table("How they answer", ["Model", "Turns", "Without an answer", "Why"], rates.map(([name, one]) => [name, one.turns, percent(one.abstained),
      Object.entries(one.reasons).map(([why, share]) => `${why} ${percent(share)}`).join(", ") || "–"])) : h("p", { class: "soft" }, "No model is asked."));
}

function versionTable(rows) {
  return table("Versions", ["Model", "Version", "State", "Since", "Windows", "Otherwise", "Alarms", "Mean ms", "Hash", "Why"], rows.map((one) =>
    [one.model, one.version, one.judges ? h("strong", {}, one.state) : `${one.state}${one.previous ? " (previous)" : ""}`, time(one.since_ms),
      one.windows, one.windows ? percent(one.disagreement) : "–", one.windows ? percent(one.alarm_rate) : "–", one.windows ? one.mean_ms : "–", one.hash.slice(0, 12), one.why || "–"]));
}

function showDrift(documents, place) {
  const rows = Object.entries(documents).filter(([key, one]) => key.endsWith("/maintenance") && one.state === "raised")
    .flatMap(([, one]) => one.causes.map((cause) => [h("a", { href: `#/asset/${encodeURIComponent(one.asset)}` }, one.asset), cause.model, cause.what, number(cause.usual), number(cause.now), `${number(cause.shift_sd)} sd`]));
  fill(place, rows.length ? table("What is not where it was", ["Asset", "Model", "What", "Was", "Is", "Moved by"], rows) : h("p", { class: "soft" }, "Nothing has drifted."));
}

function showDropped(counters, place) {
  const rows = Object.entries(counters).filter(([key, count]) => count && !key.endsWith("/answered")).sort((a, b) => b[1] - a[1]).slice(0, 12);
  fill(place, rows.length ? table("By reason, since the database was made", ["What", "Times"], rows) : h("p", { class: "soft" }, "Nothing."));
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
