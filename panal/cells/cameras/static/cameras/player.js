// Moving pictures of one camera: a WebSocket brings JPEGs, only the newest is decoded and drawn on a canvas.
// Where no WebSocket gets through, an <img> shows the same as MJPEG. Every word stands in the page, at [data-when].
const BACK_OFF_MS = [400, 1000, 2000, 4000, 8000, 15000];
const WAKE_MS = 600;
const SILENCE_MS = 12000;
const STATS_MS = 1000;
const ASK_MS = 4000;
const TRIES_BEFORE_MJPEG = 2;
const MJPEG_FOR_MS = 30000;
const FINAL = ["refused", "private"];

export class Player {
  // root: an element with data-socket, data-mjpeg and data-snapshot, and a <canvas> inside. fps: no more pictures than that
  constructor(root, { fps = 0 } = {}) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.drawing = this.canvas.getContext("2d", { alpha: false });
    this.leastMs = fps ? 1000 / fps : 0;
    this.address = new URL(root.dataset.socket, location.href);
    this.address.protocol = this.address.protocol.replace("http", "ws");
    if (fps) this.address.searchParams.set("fps", fps);
    this.isWanted = this.isPaused = false;
    this.failures = 0;
    this.forget();
    document.addEventListener("visibilitychange", () => this.look());
  }

  start() {
    this.isWanted = true;
    this.look();
  }

  stop() {
    this.isWanted = false;
    this.look();
  }

  togglePause() {
    this.isPaused = !this.isPaused;
    this.look();
    if (this.isPaused) this.show("paused");
  }

  // Open while somebody looks: a tab in the background closes the connection, so that the camera may rest
  look() {
    const isOpen = Boolean(this.socket || this.picture || this.retry);
    const isDue = this.isWanted && !this.isPaused && !document.hidden;
    if (isDue && !isOpen) this.connect();
    if (!isDue && isOpen) this.close();
  }

  connect() {
    this.retry = undefined;
    this.forget();
    this.show("connecting");
    const socket = (this.socket = new WebSocket(this.address));
    socket.binaryType = "blob";
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (event) => socket === this.socket && this.receive(event.data);
    socket.onclose = (event) => socket === this.socket && this.lost(event);
  }

  opened(socket) {
    if (socket !== this.socket) return;
    this.waking = setTimeout(() => this.shown === "connecting" && this.show("waking"), WAKE_MS);
    this.ticking = setInterval(() => this.tick(), STATS_MS);
    this.ask();
  }

  close() {
    const { socket } = this;
    this.socket = undefined;
    if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(1000); // sooner is an error
    else socket?.close(1000);
    clearTimeout(this.retry);
    clearTimeout(this.waking);
    clearInterval(this.ticking);
    this.retry = undefined;
    this.closePicture();
  }

  lost(event) {
    this.close();
    this.failures = this.hasDrawn ? 0 : this.failures + 1;
    if (event.code === 4403 || event.code === 1008) return this.refused(event.reason === "private" ? "private" : "refused");
    if (this.shown !== "away" && this.failures >= TRIES_BEFORE_MJPEG) return this.fallBack();
    this.show(this.shown === "away" ? "away" : "connecting");
    this.again();
  }

  again() {
    const wait = BACK_OFF_MS[Math.min(this.failures, BACK_OFF_MS.length - 1)];
    this.retry = setTimeout(() => this.connect(), wait * (0.8 + 0.4 * Math.random()));
  }

  refused(state) {
    this.show(state);
    if (FINAL.includes(state)) this.retry = setTimeout(() => this.connect(), 2 * BACK_OFF_MS.at(-1));
  }

  // What the server says -----------------------------------------------------------------------------------
  receive(data) {
    if (data instanceof Blob) return this.receiveFrame(data);
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not ours
    }
    if (message.type === "server_stats" && this.askedAt) {
      this.tripMs = performance.now() - this.askedAt;
      this.askedAt = undefined;
    }
    if (message.type === "status") this.receiveStatus(message);
    this.root.dispatchEvent(new CustomEvent("player:message", { detail: message, bubbles: true }));
  }

  receiveStatus(message) {
    if (message.private) this.show("private");
    else if (message.camera_connected === false) this.show("away");
    else if (message.camera_connected && ["away", "private"].includes(this.shown)) this.show("waking");
  }

  receiveFrame(blob) {
    this.seenAt = performance.now();
    if (this.leastMs && this.seenAt - this.drawnAt < this.leastMs) return;
    this.newest = blob; // one that waits is dropped: late pictures are of no use
    if (!this.isDecoding) this.draw();
  }

  async draw() {
    this.isDecoding = true;
    while (this.newest) {
      const blob = this.newest;
      this.newest = undefined;
      const begun = performance.now();
      try {
        const picture = await createImageBitmap(blob);
        this.put(picture);
        picture.close();
        this.decodeMs = performance.now() - begun;
        this.count(blob.size);
      } catch {
        this.broken += 1;
      }
    }
    this.isDecoding = false;
  }

  put(picture) {
    const { canvas } = this;
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
      this.root.style.setProperty("--ratio", `${picture.width} / ${picture.height}`);
    }
    this.drawing.drawImage(picture, 0, 0);
    this.root.classList.add("has-picture");
  }

  count(bytes) {
    const now = performance.now();
    this.drawnAt = now;
    this.hasDrawn = true;
    this.failures = 0;
    this.drawn.push({ at: now, bytes });
    if (this.socket && this.shown !== "live") this.show("live");
  }

  forget() {
    Object.assign(this, { drawn: [], drawnAt: 0, seenAt: 0, newest: undefined, hasDrawn: false });
    Object.assign(this, { broken: 0, tripMs: undefined, askedAt: undefined, decodeMs: 0, askedLastAt: 0 });
  }

  // Figures ------------------------------------------------------------------------------------------------
  ask() {
    this.askedAt = this.askedLastAt = performance.now();
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send('{"type":"request_stats"}');
  }

  tick() {
    const now = performance.now();
    if (now - this.askedLastAt > ASK_MS) this.ask();
    if (this.shown === "live" && now - this.seenAt > SILENCE_MS) this.show("waking");
    this.root.dispatchEvent(new CustomEvent("player:figures", { detail: this.figures(), bubbles: true }));
  }

  // Delay: half the way to the server and back on the pictures' own connection, behind whatever waits there, and decoding
  figures() {
    const since = performance.now() - 3000;
    this.drawn = this.drawn.filter((frame) => frame.at > since);
    const spanS = this.drawn.length > 1 ? (this.drawn.at(-1).at - this.drawn[0].at) / 1000 : 0;
    return {
      fps: spanS ? (this.drawn.length - 1) / spanS : 0,
      delayMs: this.tripMs === undefined ? undefined : this.tripMs / 2 + this.decodeMs,
      bytes: this.drawn.at(-1)?.bytes,
      width: this.canvas.width,
      height: this.canvas.height,
    };
  }

  show(state) {
    this.shown = this.root.dataset.state = state;
    for (const word of this.root.querySelectorAll("[data-when]")) word.hidden = !word.dataset.when.split(" ").includes(state);
    this.root.dispatchEvent(new CustomEvent("player:state", { detail: state, bubbles: true }));
  }

  // MJPEG --------------------------------------------------------------------------------------------------
  async fallBack() {
    this.retry = setTimeout(() => undefined, 0); // not closed: waiting for the answer
    const status = await statusOf(this.root.dataset.snapshot);
    if (!this.retry) return; // closed meanwhile
    if ([401, 403, 404].includes(status)) return this.refused("refused");
    if (status === 0) {
      this.show("connecting");
      return this.again();
    }
    this.openPicture();
  }

  openPicture() {
    this.retry = undefined;
    const picture = (this.picture = new Image());
    picture.alt = this.canvas.getAttribute("aria-label") ?? "";
    picture.className = "player-mjpeg";
    picture.onload = () => this.picture === picture && this.show("mjpeg");
    picture.onerror = () => this.picture === picture && this.backToSocket();
    picture.src = `${this.root.dataset.mjpeg}?t=${Date.now()}`;
    this.canvas.after(picture);
    this.root.classList.add("is-mjpeg");
    this.mjpegUntil = setTimeout(() => this.backToSocket(), MJPEG_FOR_MS);
  }

  backToSocket() {
    this.closePicture();
    this.failures = TRIES_BEFORE_MJPEG - 1;
    this.again();
  }

  closePicture() {
    clearTimeout(this.mjpegUntil);
    if (!this.picture) return;
    this.picture.onload = this.picture.onerror = null;
    this.picture.removeAttribute("src"); // ends the request, which taking the element out alone does not
    this.picture.remove();
    this.picture = undefined;
    this.root.classList.remove("is-mjpeg");
  }
}

// 0: nobody answered
async function statusOf(address) {
  try {
    return (await fetch(`${address}?max_age_s=3600`, { redirect: "manual" })).status;
  } catch {
    return 0;
  }
}
