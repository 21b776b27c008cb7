// The gateway's API: who we are, reading, asking, and what changes.
export const me = { name: "", role: "", csrf: "", sign_in: false, gateway: {} };

export class Refused extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

async function answered(response) {
  let told = {};
  try { told = await response.json(); } catch { told = { error: response.statusText }; }
  if (!response.ok) throw new Refused(response.status, told.error || response.statusText);
  return told;
}

export async function whoami() {
  Object.assign(me, await answered(await fetch("/api/me")));
  return me;
}

export async function read(path) {
  return answered(await fetch(path));
}

export async function ask(path, fields) {
  const headers = { "content-type": "application/json", "x-csrf-token": me.csrf };
  return answered(await fetch(path, { method: "POST", headers, body: JSON.stringify(fields) }));
}

export function assetPath(id) {
  return `/api/assets/${encodeURIComponent(id)}`;
}

// Hears a view until it is closed. EventSource gives up for good when it is refused (503: too many
// pages), so that is tried again here.
export function listen(view, heard, line) {
  let source = null, timer = 0, closed = false, documents = {};
  function take(event, whole) {
    const told = JSON.parse(event.data);
    documents = whole ? told : { ...documents, ...told };
    line(true);
    heard(documents, told);
  }
  function open() {
    source = new EventSource(`/api/events?view=${encodeURIComponent(view)}`);
    source.addEventListener("all", (event) => take(event, true));
    source.addEventListener("some", (event) => take(event, false));
    source.addEventListener("error", async () => {
      line(false);
      if (source.readyState !== EventSource.CLOSED || closed) return;
      timer = setTimeout(open, 5000);
      try { if (!(await whoami()).role) location.hash = "#/sign-in"; } catch { /* it is away */ }
    });
  }
  open();
  return () => { closed = true; clearTimeout(timer); source.close(); };
}
