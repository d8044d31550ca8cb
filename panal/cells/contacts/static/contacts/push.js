// "Tell me here": asks the browser for a subscription to web push and hands it to the server, or takes it back.
const card = document.querySelector("[data-push]");
const state = card?.querySelector("[data-push-state]");
const on = card?.querySelector("[data-push-on]");
const off = card?.querySelector("[data-push-off]");

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

function show(name) {
  state.textContent = state.dataset[name];
  on.hidden = name !== "off";
  off.hidden = name !== "on";
}

async function tell(method, subscription) {
  const answer = await fetch(card.dataset.pushUrl, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"] },
    body: JSON.stringify({ subscription: subscription.toJSON(), label: navigator.userAgentData?.platform || navigator.platform || "" }),
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
}

async function begin() {
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) return show("no");
  const worker = await navigator.serviceWorker.register("/worker.js");
  await navigator.serviceWorker.ready;
  const subscription = await worker.pushManager.getSubscription();
  show(subscription ? "on" : Notification.permission === "denied" ? "denied" : "off");
  on.addEventListener("click", async () => {
    if ((await Notification.requestPermission()) !== "granted") return show("denied");
    try {
      const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(card.dataset.push) });
      await tell("POST", made);
      location.reload();
    } catch {
      show("no");
    }
  });
  off.addEventListener("click", async () => {
    const made = await worker.pushManager.getSubscription();
    if (made) {
      await tell("DELETE", made);
      await made.unsubscribe();
    }
    location.reload();
  });
}

if (card) begin().catch(() => show("no"));
