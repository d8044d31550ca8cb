// The sounds of virtual doors, played by Web Audio, and the knob's digit while it is turned. Without this file the
// bench says in words what it sounds like.
const PITCH_HZ = 2000;
const GAP_MS = 80;
const PATTERNS = { short: [30], double: [80, 80], triple: [30, 30, 30], long: [300] };

const button = document.querySelector("[data-sound-switch]");
const heard = new Map();
let audio;

if (button && window.AudioContext) {
  button.hidden = false;
  button.addEventListener("click", () => {
    audio ??= new AudioContext();
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isOn));
    isOn ? audio.resume().then(() => play("short")) : audio.suspend();
  });
}

function play(name) {
  if (!audio || audio.state !== "running") return;
  let at = audio.currentTime;
  for (const ms of PATTERNS[name] ?? []) {
    const tone = new OscillatorNode(audio, { type: "square", frequency: PITCH_HZ });
    const volume = new GainNode(audio, { gain: 0.08 });
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + ms / 1000);
    at += (ms + GAP_MS) / 1000;
  }
}

function listen(root) {
  for (const door of root.querySelectorAll("[data-sounds]")) {
    const { board, sound, sounds } = door.dataset;
    if (heard.has(board) && heard.get(board) !== sounds) play(sound);
    heard.set(board, sounds);
  }
}

document.addEventListener("htmx:afterSwap", () => listen(document));
listen(document);

document.addEventListener("input", (event) => {
  if (event.target.matches("input[data-shows]")) event.target.form.querySelector("output").value = event.target.value;
});
