// The user's file, and what is wrong with it as it is typed. Nothing is written from here.
import { ask, read } from "./api.js";
import { fill, h } from "./dom.js";

const QUIET_MS = 700;

export async function configuration({ main, onleave }) {
  const text = h("textarea", { id: "file", spellcheck: "false", autocapitalize: "none", wrap: "off" });
  const found = h("div", { role: "status" });
  const name = h("code");
  fill(main, h("h1", {}, "Configuration"),
    h("p", {}, "What you change here is checked as you type, and not saved: put it into ", name, " and reload the gateway."),
    h("section", {}, h("h2", {}, "Problems"), found), h("section", {}, h("label", { for: "file" }, "The file"), text));
  let timer = 0, running = false, again = false, closed = false;
  onleave(() => { closed = true; clearTimeout(timer); });

  async function check() {
    if (running) { again = true; return; }
    running = true;
    try {
      const { problems } = await ask("/api/configuration/check", { text: text.value });
      if (!closed) show(problems);
    } catch (error) { fill(found, h("p", { class: "error" }, error.message)); }
    running = false;
    if (again && !closed) { again = false; check(); }
  }

  function show(problems) {
    if (!problems.length) { fill(found, h("p", {}, "✓ None: this file would load.")); return; }
    fill(found, h("p", { class: "error" }, `${problems.length} problem${problems.length > 1 ? "s" : ""}`),
      h("ul", { class: "problems" }, problems.slice(0, 50).map((one) => h("li", {},
        one.line ? h("button", { type: "button", onclick: () => go(one) }, `line ${one.line}, column ${one.column}`) : null,
        ` ${one.message}${one.hint ? `; ${one.hint}` : ""}`))));
  }

  function go(one) {
    const lines = text.value.split("\n");
    const start = lines.slice(0, one.line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    text.focus();
    text.setSelectionRange(start + one.column - 1, start + lines[one.line - 1].length);
    text.scrollTop = (one.line - 5) * (text.scrollHeight / lines.length);
  }

  text.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(check, QUIET_MS); });
  try {
    const told = await read("/api/configuration");
    text.value = told.text;
    name.textContent = told.file;
    await check();
  } catch (error) { fill(found, h("p", { class: "error" }, error.message)); }
}
