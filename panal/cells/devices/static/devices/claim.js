// The claim code of a label comes behind # in its address, where no server and no log ever sees it. It is taken out of
// the address at once, kept while the person signs in, and filled into the form. Without this file one types it.
const place = document.querySelector("[data-claim]");
const name = `claim ${place.dataset.claim}`;
const code = location.hash.slice(1);
if (code) {
  sessionStorage.setItem(name, decodeURIComponent(code));
  history.replaceState(null, "", location.pathname + location.search);
}
const field = document.getElementById("id_code");
if (field && sessionStorage.getItem(name)) {
  field.value ||= sessionStorage.getItem(name);
  sessionStorage.removeItem(name);
}
