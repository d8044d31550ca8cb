// What a phone runs while no page of ours is open: it shows an alert, and a tap opens the alert's page.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const said = event.data ? event.data.json() : {};
  event.waitUntil(
    self.registration.showNotification(said.title || "Panal", {
      body: said.body || "",
      tag: said.tag || undefined, // one alert is one notification: the all-clear takes the alarm's place
      renotify: Boolean(said.tag),
      requireInteraction: true,
      icon: "/static/panal/mark.svg",
      badge: "/static/panal/mark.svg",
      data: { url: said.url || "/alerts/" },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data.url, self.location.origin);
  event.waitUntil(self.clients.openWindow(url.href));
});
