// In the audio thread: whatever rate the microphone has becomes 16 kHz, 16-bit samples in pieces of 20 ms.

const RATE = 16000;
const PIECE = 320;

class Hear extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.sum = 0;
    this.count = 0;
    this.phase = 0;
  }

  process([[samples]]) {
    for (const sample of samples ?? []) {
      this.sum += sample;
      this.count += 1;
      this.phase += RATE / sampleRate;
      if (this.phase < 1) continue;
      this.phase -= 1;
      this.piece[this.filled] = 32767 * Math.max(-1, Math.min(1, this.sum / this.count));
      this.filled += 1;
      this.sum = this.count = 0;
      if (this.filled === PIECE) {
        this.port.postMessage(this.piece.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("hear", Hear);
