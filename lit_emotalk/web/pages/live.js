// Speak and watch: the microphone goes to the server's WebSocket, frames come back onto a canvas.

import { openSound } from "/pages/devices.js";

const HEADER_BYTES = 8;
const NORMAL_CLOSE = 1000;
const LOST = "the connection broke off";

export class Live {
  // start: the protocol's first message; ended(message): called once, with what went wrong or "".
  constructor(canvas, start, ended) {
    Object.assign(this, { canvas, start, ended, sound: null, error: "", frames: 0, over: false });
    this.socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/stream`);
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("open", () => this.socket.send(JSON.stringify({ type: "start", ...start })));
    this.socket.addEventListener("message", (event) => this.hear(event.data));
    this.socket.addEventListener("close", (event) => this.end(event.code === NORMAL_CLOSE ? "" : this.error || LOST));
  }

  async hear(message) {
    if (message instanceof ArrayBuffer) return this.show(message);
    const told = JSON.parse(message);
    if (told.type === "error") this.error = told.message;
    if (told.type === "ready") {
      Object.assign(this.canvas, { width: told.width, height: told.height });
      try {
        this.sound = await openSound((piece) => this.send(piece));
        if (this.over) this.sound.close();
      } catch (error) {
        this.error = error.message;
        this.socket.close();
      }
    }
  }

  send(piece) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(piece);
  }

  async show(message) {
    const picture = await createImageBitmap(new Blob([message.slice(HEADER_BYTES)]));
    this.canvas.getContext("2d").drawImage(picture, 0, 0);
    this.frames += 1;
    this.canvas.dataset.frames = this.frames;
  }

  change(emotion, intensity) {
    this.send(JSON.stringify({ type: "change", emotion, intensity }));
  }

  stop() {
    this.sound?.close();
    this.send('{"type": "finish"}');
  }

  end(message) {
    if (this.over) return;
    this.over = true;
    this.sound?.close();
    this.ended(message);
  }
}
