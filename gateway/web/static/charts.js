// Curves by uPlot, each with its words for who does not see it, and the band of what is usual.
import { h, number } from "./dom.js";

let loaded = null;

// The library of curves, once somebody looks at one.
export function ready() {
  loaded ||= new Promise((resolve, reject) => {
    document.head.append(h("link", { rel: "stylesheet", href: "/static/uplot/uPlot.min.css" }),
      h("script", { src: "/static/uplot/uPlot.iife.min.js", onload: resolve, onerror: () => reject(new Error("uPlot does not come")) }));
  });
  return loaded;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function band(usual, fill) {
  return (plot) => {
    if (!usual) return;
    const { ctx, bbox } = plot;
    const top = Math.max(plot.valToPos(usual[1], "y", true), bbox.top);
    const bottom = Math.min(plot.valToPos(usual[0], "y", true), bbox.top + bbox.height);
    if (bottom <= top) return;
    ctx.save();
    ctx.fillStyle = fill;
    ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
    ctx.restore();
  };
}

// curve: [[ms, value]]; usual: [low, high] or null, and how that is known; level: a number or null
export function chart(title, unit, curve, { usual = null, how = "usually", level = null } = {}) {
  const values = curve.map(([, value]) => value);
  const low = Math.min(...values), high = Math.max(...values);
  const last = values[values.length - 1];
  const of = unit ? ` ${unit}` : "";
  const ends = `${number(low)} to ${number(high)}${of}, last ${number(last)}${of}`;
  const said = `${title}: ${ends}${usual ? `, ${how} ${number(usual[0])} to ${number(usual[1])}` : ""}${level === null ? "" : `, level ${number(level)}`}`;
  const place = h("div", { class: "chart", role: "img", "aria-label": said });
  const shown = h("figure", { class: "figure" }, h("figcaption", {}, h("strong", {}, title), ` ${ends}`, usual ? ` (${how} ${number(usual[0])} to ${number(usual[1])})` : ""), place);
  const ink = colour("--soft"), rule = colour("--rule");
  const axis = { stroke: ink, grid: { stroke: rule, width: 1 }, ticks: { stroke: rule, width: 1 } };
  const data = [curve.map(([at]) => at / 1000), values];
  const series = [{}, { label: unit || title, stroke: colour("--bar"), width: 2, points: { show: values.length < 60 } }];
  if (level !== null) {
    data.push(values.map(() => level));
    series.push({ label: "level", stroke: colour("--alert"), width: 1, dash: [6, 4], points: { show: false } });
  }
  let plot = null;
  const options = (width) => ({
    width, height: 190, legend: { show: false }, cursor: { y: false }, series, axes: [axis, { ...axis, size: 60 }],
    scales: { y: { range: (_, from, to) => widened(from, to, usual, level) } },
    hooks: { drawClear: [band(usual, colour("--normal-back"))] },
  });
  const watch = new ResizeObserver(() => {
    const width = Math.floor(place.clientWidth);
    if (!width) return;
    if (plot) plot.setSize({ width, height: 190 });
    else plot = new uPlot(options(width), data, place);
  });
  watch.observe(place);
  return { element: shown, close: () => { watch.disconnect(); if (plot) plot.destroy(); } };
}

function widened(from, to, usual, level) {
  const all = [from, to, ...(usual || []), ...(level === null ? [] : [level])].filter(Number.isFinite);
  if (!all.length) return [0, 1];
  const low = Math.min(...all), high = Math.max(...all);
  const more = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
  return [low - more, high + more];
}

// A share as a bar; the words beside it say it, too.
export function bar(share) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  const rect = document.createElementNS(ns, "rect");
  rect.setAttribute("width", `${Math.max(1, Math.round(100 * share))}%`);
  rect.setAttribute("height", "100%");
  svg.setAttribute("aria-hidden", "true");
  svg.append(rect);
  return h("div", { class: "bar" }, svg);
}
