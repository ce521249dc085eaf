// What the page asks of the server. Every call throws an Error whose message is one line for the visitor.

const AWAY = "the server does not answer; is it still running?";

// Errors have the answer's status, if there was one.
async function call(path, options = {}) {
  const response = await fetch(path, { cache: "no-store", ...options }).catch(() => {
    throw new Error(AWAY);
  });
  const content = response.status === 204 ? {} : await response.json().catch(() => ({}));
  const { status } = response;
  if (!response.ok) throw Object.assign(new Error(content.error || `the server answered ${status}`), { status });
  return content;
}

export class Session {
  static async open() {
    return new Session(await call("/api/sessions", { method: "POST" }));
  }

  constructor(told) {
    this.told = told;
    this.place = `/api/sessions/${told.id}`;
  }

  upload(kind, file) {
    const most = this.told[["portrait", "emotion-picture"].includes(kind) ? "portrait_bytes" : "speech_bytes"];
    if (file.size > most) throw new Error(`the file is too large: at most ${Math.floor(most / 2 ** 20)} MB`);
    return call(`${this.place}/${kind}`, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
  }

  example() {
    return call(`${this.place}/example`, { method: "POST" });
  }

  make(wanted) {
    const headers = { "Content-Type": "application/json" };
    return call(`${this.place}/videos`, { method: "POST", body: JSON.stringify(wanted), headers });
  }

  job(id) {
    return call(`${this.place}/jobs/${id}`);
  }

  cancel(id) {
    return call(`${this.place}/jobs/${id}/cancel`, { method: "POST" });
  }

  video(file, label) {
    const query = label === undefined ? "" : `?download=${encodeURIComponent(label.slice(0, 60))}`;
    return `${this.place}/videos/${file}${query}`;
  }

  speech(file) {
    return `${this.place}/speeches/${file}`;
  }

  end() {
    navigator.sendBeacon(`${this.place}/end`);
  }
}
