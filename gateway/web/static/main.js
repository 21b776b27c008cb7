// The page: one view at a time, by what stands behind # in the address.
import { ask, listen, me, whoami } from "./api.js";
import { assets } from "./assets.js";
import { fill, h } from "./dom.js";

const main = document.getElementById("main");
let leave = () => {};

function line(there) {
  const shown = document.getElementById("line");
  const text = there ? "live" : "connection lost, trying again";
  if (shown.textContent !== text) shown.textContent = text;
  shown.classList.toggle("lost", !there);
}

function person() {
  const shown = document.getElementById("person");
  const name = me.gateway.name || "edge-gateway";
  document.getElementById("gateway-name").textContent = name;
  document.querySelector("[data-page=configuration]").hidden = me.role !== "operator";
  if (!me.sign_in || !me.role) { fill(shown, me.role ? me.role : ""); return; }
  const out = h("button", { type: "button", onclick: async () => {
    await ask("/api/sign-out", {});
    await whoami();
    location.hash = "#/sign-in";
  } }, "Sign out");
  fill(shown, `${me.name} (${me.role}) `, out);
}

// What is not seen first is loaded when it is asked for.
const VIEWS = {
  "": async () => assets,
  asset: async () => (await import("./asset.js")).asset,
  gateway: async () => (await import("./gateway.js")).gateway,
  configuration: async () => (await import("./configuration.js")).configuration,
  "sign-in": async () => (await import("./signin.js")).signIn,
};

async function show(focus) {
  leave();
  leave = () => {};
  const [, name = "", id = ""] = location.hash.split("/");
  if (!me.role && name !== "sign-in") { location.hash = "#/sign-in"; return; }
  person();
  const page = name === "asset" || name === "" ? "assets" : name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const loading = VIEWS[name] || VIEWS[""];
  const stops = [];
  let gone = false;
  const onleave = (stop) => (gone ? stop() : stops.push(stop));
  const hear = (what, heard) => { if (!gone) onleave(listen(what, heard, line)); };
  leave = () => { gone = true; for (const stop of stops) stop(); };
  const view = await loading();
  if (gone) return;
  view({ main, id: decodeURIComponent(id), hear, onleave });
  const title = main.querySelector("h1");
  document.title = `${title ? title.textContent : "page"} – ${me.gateway.name || "edge-gateway"}`;
  if (focus) main.focus();
  window.scrollTo(0, 0);
}

window.addEventListener("hashchange", () => show(true));
try {
  await whoami();
  await show(false);
} catch (error) {
  fill(main, h("p", { class: "error" }, `The gateway does not answer: ${error.message}`));
}
