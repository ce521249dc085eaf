// Camera and microphone. Browsers give them to pages on localhost and over https alone.

export const allowed = Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);
const refused = (wanted) =>
  new Error(`the browser gave no access to the ${wanted.video ? "camera" : "microphone"}; choose a file instead`);

async function open(wanted) {
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch {
    throw refused(wanted);
  }
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

// What `use` makes of a device's stream; the device is let go where that fails.
async function withStream(wanted, use) {
  const stream = await open(wanted);
  try {
    return await use(stream);
  } catch {
    stop(stream);
    throw refused(wanted);
  }
}

export function openCamera(video) {
  const wanted = { video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } } };
  return withStream(wanted, (stream) => watch(video, stream));
}

async function watch(video, stream) {
  video.srcObject = stream;
  await video.play();
  return {
    close() {
      stop(stream);
      video.srcObject = null;
    },
    take() {
      const canvas = document.createElement("canvas");
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      canvas.getContext("2d").drawImage(video, 0, 0);
      return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
    },
  };
}

export function openMicrophone(heard) {
  return withStream({ audio: { channelCount: 1 } }, (stream) => record(stream, heard));
}

function record(stream, heard) {
  const recorder = new MediaRecorder(stream);
  const pieces = [];
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  const context = new AudioContext();
  const meter = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(meter);
  const samples = new Float32Array(meter.fftSize);
  const began = performance.now();
  const timer = setInterval(() => {
    meter.getFloatTimeDomainData(samples);
    heard(samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0), (performance.now() - began) / 1000);
  }, 100);
  recorder.start();
  return {
    close() {
      clearInterval(timer);
      stop(stream);
      context.close();
    },
    take() {
      return new Promise((resolve) => {
        recorder.addEventListener("stop", () => resolve(new Blob(pieces, { type: recorder.mimeType })));
        recorder.stop();
      });
    },
  };
}

export function openSound(take) {
  return withStream({ audio: { channelCount: 1 } }, (stream) => listen(stream, take));
}

async function listen(stream, take) {
  const context = new AudioContext();
  await context.audioWorklet.addModule("/pages/hear.js");
  const ears = new AudioWorkletNode(context, "hear", { numberOfOutputs: 0 });
  ears.port.addEventListener("message", (event) => take(event.data));
  ears.port.start();
  context.createMediaStreamSource(stream).connect(ears);
  return {
    close() {
      stop(stream);
      if (context.state !== "closed") context.close();
    },
  };
}
