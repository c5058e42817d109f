"use strict";
// Sends a chosen or recorded file to the server, and shows the answer. All text of the answer is set as text.
(() => {
  const at = (id) => document.getElementById(id);
  const [file, record, live, state, sent, answer] = ["recording", "record", "live", "state", "sent", "answer"].map(at);
  const route = document.querySelector("[data-route]").dataset.route;
  for (const place of document.querySelectorAll(".origin")) place.textContent = location.origin;

  const element = (tag, text, parent, name = "") => {
    const made = document.createElement(tag);
    if (text !== "") made.textContent = text;
    if (name) made.className = name;
    parent.append(made);
    return made;
  };
  const table = (head, rows) => {
    const made = element("table", "", element("div", "", answer, "scroll"));
    const heading = element("tr", "", element("thead", "", made));
    for (const cell of head) element("th", cell, heading);
    const body = element("tbody", "", made);
    for (const row of rows) {
      const line = element("tr", "", body);
      for (const cell of row) element("td", typeof cell === "number" ? cell.toFixed(2) : String(cell), line);
    }
  };
  const show = (found) => {
    answer.replaceChildren();
    if (found.labels) table(["label", "probability"], Object.entries(found.labels).slice(0, 10));
    else if (found.events) table(["start (s)", "end (s)", "event"], found.events.map((one) => [one.onset, one.offset, one.label]));
    else if (found.text !== undefined) {
      element("p", found.text || "No speech was found.", answer, "transcript");
      if (found.segments.length > 1) table(["start (s)", "end (s)", "text"], found.segments.map((one) => [one.start, one.end, one.text]));
    } else element("p", JSON.stringify(found), answer);
    for (const note of found.notes ?? []) element("p", `Note: ${note}.`, answer, "notice");
  };
  const send = async (blob, name) => {
    const form = new FormData();
    form.append("file", blob, name);
    if (route.endsWith("transcriptions")) form.append("response_format", "verbose_json");
    URL.revokeObjectURL(sent.src);
    sent.src = URL.createObjectURL(blob);
    sent.hidden = false;
    state.textContent = "Sent, waiting for the answer …";
    answer.replaceChildren();
    try {
      const reply = await fetch(route, { method: "POST", body: form });
      const found = await reply.json();
      if (reply.ok) show(found); else element("p", found.error.message, answer, "notice");
    } catch {
      element("p", "The server does not answer; is it still running?", answer, "notice");
    }
    state.textContent = "";
  };
  file.addEventListener("change", () => { if (file.files.length) send(file.files[0], file.files[0].name); });

  let recorder = null;
  const start = async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const parts = [];
    recorder = new MediaRecorder(stream);
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop();
      send(new Blob(parts, { type: recorder.mimeType }), "microphone");
      recorder = null;
      record.textContent = "Record";
    });
    recorder.start();
    record.textContent = "Stop and send";
    state.textContent = "Recording …";
  };

  // Live: samples of 16 bits go out by a WebSocket, what the model hears comes back.
  const WORKLET = `registerProcessor("samples", class extends AudioWorkletProcessor {
    process(inputs) { if (inputs[0][0]) this.port.postMessage(inputs[0][0].slice()); return true; }
  })`;
  const RATE = 16000, BLOCK = 1600;
  let stop = null;
  const hear = (found, caption) => {
    if (found.type === "words") caption.append(found.words.map((word) => word.text).join(" ") + " ");
    else if (found.type === "error") element("p", found.message, answer, "notice");
    else if (found.type === "onset") state.textContent = `${found.label} …`;
    else if (found.type !== "caption") {
      const labels = Object.entries(found.labels ?? {}).slice(0, 3).map(([label, value]) => `${label} ${value.toFixed(2)}`);
      const what = found.label ?? (labels.join(", ") || found.value);
      element("p", `${found.start.toFixed(1)}–${found.end.toFixed(1)} s: ${what}`, answer);
    }
    return found.type === "caption" ? element("p", "", answer, "transcript") : caption;
  };
  const listen = async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const context = new AudioContext({ sampleRate: RATE });
    const place = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
    await context.audioWorklet.addModule(place);
    URL.revokeObjectURL(place);
    const node = new AudioWorkletNode(context, "samples");
    context.createMediaStreamSource(stream).connect(node);
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}/v1/audio/stream?rate=${RATE}`);
    answer.replaceChildren();
    let caption = element("p", "", answer, "transcript"), waiting = [];
    socket.addEventListener("message", (event) => { caption = hear(JSON.parse(event.data), caption); });
    const silence = () => {
      for (const track of stream.getTracks()) track.stop();
      if (context.state !== "closed") context.close();
    };
    socket.addEventListener("close", () => {
      silence();
      stop = null;
      live.textContent = "Listen live";
      state.textContent = "";
    });
    node.port.onmessage = ({ data }) => {
      for (const sample of data) waiting.push(Math.max(-1, Math.min(1, sample)) * 32767);
      if (waiting.length < BLOCK || socket.readyState !== WebSocket.OPEN) return;
      socket.send(new Int16Array(waiting));
      waiting = [];
    };
    stop = () => { silence(); if (socket.readyState === WebSocket.OPEN) socket.send("end"); };
    live.textContent = "Stop";
    state.textContent = "Listening …";
  };
  const withMicrophone = (button, running, begin) => button.addEventListener("click", () => {
    if (running()) running()();
    else if (!navigator.mediaDevices) state.textContent = "Browsers give the microphone only to https and to localhost.";
    else begin().catch((error) => { state.textContent = `The microphone cannot be used: ${error.message}.`; });
  });
  withMicrophone(record, () => recorder && (() => recorder.stop()), start);
  withMicrophone(live, () => stop, listen);
})();
