// Many tabs, few connections: over HTTP/1.1 a browser makes six to one server, and each page's news takes one for good.
// A tab gives its own back when so many others have been looked at since, and takes it up again when somebody looks.
const MOST = 4;

const name = String(Math.random());
const newer = new Set();
const others = "BroadcastChannel" in window ? new BroadcastChannel("panal.tabs") : undefined;
let source;

window.htmx.createEventSource = (url) => (source = new EventSource(url));

function look() {
  if (document.hidden) return;
  newer.clear();
  others?.postMessage(name);
  if (source?.readyState === EventSource.CLOSED) source.onerror(new Event("error")); // htmx connects again, and catches up
}

others?.addEventListener("message", ({ data }) => {
  newer.add(data);
  if (newer.size >= MOST) source?.close();
});
document.addEventListener("visibilitychange", look);
window.addEventListener("focus", look);
look();
