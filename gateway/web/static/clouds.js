// What is elsewhere: the clouds that are told, those that are asked, and the fleet.
import { bytes, fill, h, number, table } from "./dom.js";

const STEPS = { rest: "up to date", ask: "connecting", cut: "looking for rows", send: "sending", failed: "begun anew" };

export function showSinks(sync, place) {
  const sinks = Object.entries(sync.sinks || {});
  const rows = sinks.flatMap(([name, one]) => Object.entries(one.lanes).map(([lane, told]) => [`${name} (${one.kind})`, lane, step(told),
    told.left ?? "–", told.sent, told.refused + told.lost, told.done_s ? `${number(told.done_s)} s` : "–"]));
  fill(place, rows.length ? table("Clouds that are told", ["Sink", "Lane", "State", "Left", "Sent", "Refused", "Done in"], rows) : h("p", { class: "soft" }, "No cloud is told anything."),
    sinks.length ? h("p", { class: "soft" }, sinks.map(([name, one]) => `${name}: ${bytes(one.bytes_today)}${one.budget ? ` of ${bytes(one.budget)}` : ""} today`).join("; ")) : null);
}

function step(told) {
  if (told.error) return `out of reach: ${told.error}`;
  return `${STEPS[told.state] || told.state}${told.waits ? `, waits for ${told.waits}` : ""}`;
}

export function showInference(inference, place) {
  const rows = Object.entries(inference).map(([name, one]) => [name, one.error ? `${one.state}: ${one.error}` : one.state,
    one.calls_left, one.took_ms === null ? "–" : `${one.took_ms} ms`, one.counters.asked, one.counters.answered]);
  fill(place, rows.length ? table("Clouds that are asked", ["Model", "State", "Calls left", "Last took", "Asked", "Answered"], rows) : null);
}

export function showFleet(fleet, place) {
  const rows = Object.entries((fleet || {}).slots || {}).map(([name, one]) => [name, one.holder || "nobody", one.role, one.line.join(", "), one.assets.join(", ")]);
  fill(place, rows.length ? table(`Fleet ${fleet.site}, seen by ${fleet.member}`, ["Slot", "Held by", "Here", "Line", "Assets"], rows) : null);
}
