import { ask, whoami } from "./api.js";
import { fill, h } from "./dom.js";

export function signIn({ main }) {
  const why = h("p", { class: "error", role: "alert" });
  const name = h("input", { name: "name", autocomplete: "username", required: true, autocapitalize: "none" });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const button = h("button", { class: "main" }, "Sign in");
  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      await ask("/api/sign-in", { name: name.value, password: password.value });
      await whoami();
      location.hash = "#/";
    } catch (error) {
      why.textContent = error.message;
      password.value = "";
      password.focus();
    } finally {
      button.disabled = false;
    }
  }
  fill(main, h("section", { class: "signin" }, h("h1", {}, "Sign in"),
    h("form", { onsubmit: submit }, h("label", {}, "Name", name), h("label", {}, "Password", password), button), why));
  name.focus();
}
