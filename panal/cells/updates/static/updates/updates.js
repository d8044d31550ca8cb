// How far an upload is. Without this file the form is sent all the same.
for (const form of document.querySelectorAll("form[data-upload]")) {
  const bar = form.querySelector("progress");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const request = new XMLHttpRequest();
    button.disabled = true;
    bar.hidden = false;
    request.upload.addEventListener("progress", ({ loaded, total }) => (bar.value = total ? (100 * loaded) / total : 0));
    request.addEventListener("load", () => {
      if (request.responseURL !== location.href) {
        location.href = request.responseURL;
        return;
      }
      document.open(); // the same page with what was refused
      document.write(request.responseText);
      document.close();
    });
    request.addEventListener("error", () => {
      button.disabled = false;
      bar.hidden = true;
    });
    request.open("POST", location.href);
    request.send(new FormData(form));
  });
}
