// What an operator decides on an asset: each is the request that its MQTT topic takes.
import { ask, assetPath } from "./api.js";
import { fill, h, say } from "./dom.js";

const FOR = [["", "as the file says"], ["15m", "15 minutes"], ["1h", "1 hour"], ["4h", "4 hours"], ["8h", "8 hours"], ["1d", "1 day"]];

export function deeds(place, page, done) {
  const said = h("p", { role: "status" });
  let state = {};

  async function act(name, fields, button) {
    button.disabled = true;
    said.className = "";
    said.textContent = "asking ...";
    try {
      const answer = await ask(`${assetPath(page.id)}/${name}`, fields);
      said.textContent = `${name}: done${answer.data.state ? `, ${answer.data.state}` : ""}${answer.data.recorded === false ? ", not recorded yet" : ""}`;
      say(said.textContent);
      done();
    } catch (error) {
      said.className = "error";
      said.textContent = `${name}: ${error.message}`;
      say(said.textContent);
    } finally {
      button.disabled = false;
      button.focus();
      know({ state });
    }
  }

  const reason = () => h("input", { name: "reason", maxlength: "200", required: true });
  const span = () => h("select", { name: "for" }, FOR.map(([value, text]) => h("option", { value }, text)));
  const given = (form) => Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));

  function form(legend, name, button, fields, more = []) {
    const made = h("form", { class: "row", onsubmit: (event) => {
      event.preventDefault();
      act(name, fields(given(made)), button);
    } }, more, button);
    return h("fieldset", {}, h("legend", {}, legend), made);
  }

  const seen = h("button", { class: "main" }, "Acknowledge");
  const hold = h("button", {}, "Hold");
  const release = h("button", { type: "button", onclick: () => act("override", { hold: false }, release) }, "Release");
  const works = h("button", {}, "Begin maintenance");
  const worked = h("button", { type: "button", onclick: () => act("maintenance", { on: false }, worked) }, "End maintenance");
  const force = h("button", {}, "Do it now");
  const mode = h("button", {}, "Set mode");
  const back = h("button", { type: "button", onclick: () => act("mode", { mode: "file" }, back) }, "As the file says");

  const actions = Object.entries(page.about.actions);
  const value = h("input", { name: "value", type: "number", step: "any" });
  const valued = h("label", {}, "Value", value);
  const action = h("select", { name: "force", onchange: () => limit() }, actions.map(([name]) => h("option", { value: name }, name)));
  function limit() {
    const rule = actions.length ? page.about.actions[action.value].value : null;
    valued.hidden = value.disabled = !rule;
    value.required = Boolean(rule);
    if (rule) { value.min = rule.low; value.max = rule.high; }
  }
  limit();

  const number = (fields) => ("value" in fields ? { ...fields, value: Number(fields.value) } : fields);
  fill(place, said,
    form("Alert: say that you have seen it", "acknowledge", seen, (fields) => fields, h("label", {}, "Note", h("input", { name: "reason", maxlength: "200" }))),
    form("Hold: hands off", "override", hold, (fields) => ({ ...fields, hold: true }), [h("label", {}, "Reason", reason()), h("label", {}, "For", span())]),
    form("Maintenance: somebody is at it", "maintenance", works, (fields) => ({ ...fields, on: true }), [h("label", {}, "Reason", reason()), h("label", {}, "For", span())]),
    actions.length ? form("Override: do it now, within limits", "override", force, number, [h("label", {}, "Action", action), valued, h("label", {}, "Reason", reason())]) : null,
    page.about.policies.length ? form("Mode: how far policies may go", "mode", mode, (fields) => fields, [
      h("label", {}, "Mode", h("select", { name: "mode" }, ["shadow", "advise", "act"].map((one) => h("option", {}, one)))),
      h("label", {}, "Reason", reason()), h("label", {}, "For", span())]) : null);
  hold.after(release);
  works.after(worked);
  if (mode.isConnected) mode.after(back);

  function know(documents) {
    state = documents.state || state;
    seen.disabled = !state.alert || Boolean(state.acknowledged);
    release.disabled = !state.hold;
    worked.disabled = !state.maintenance;
    back.disabled = !state.mode_override;
  }
  return { know };
}
