// All of the console works without this: it copies a secret, warns before one is lost, and sends no form twice.
"use strict";

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  });
}

window.addEventListener("pageshow", () => { // back from the browser's memory: the form may be sent again
  for (const form of document.querySelectorAll("form[data-once]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});

const page = document.querySelector("[data-secret]");
if (page) {
  const secret = document.getElementById("secret");
  const copy = document.getElementById("copy");
  const copied = document.getElementById("copied");
  let safe = false;

  window.history.replaceState(null, "", page.dataset.address); // a reload shows the key, and makes no second one
  secret.addEventListener("focus", () => secret.select());
  secret.addEventListener("copy", () => { safe = true; });
  document.getElementById("leave").addEventListener("click", () => { safe = true; });
  window.addEventListener("beforeunload", (event) => {
    if (!safe) event.preventDefault();
  });
  window.addEventListener("pagehide", () => { secret.value = ""; });

  if (navigator.clipboard) { // there over TLS and on this machine only
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(secret.value);
        safe = true;
        copied.textContent = "Copied.";
      } catch {
        secret.focus();
        copied.textContent = "The browser did not allow it: copy the marked text.";
      }
    });
  }
}

// htmx puts what was found into the page. What it could not get is told, and what stands there stays.
const trouble = document.getElementById("trouble");

function tell(text) {
  trouble.textContent = text;
  trouble.hidden = text === "";
}

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.body.addEventListener(name, () => tell("The registry does not answer. What you see may be old."));
}
document.body.addEventListener("htmx:responseError", (event) => {
  const away = event.detail.xhr.status >= 500;
  tell(away ? "The registry cannot tell now. What you see may be old." : "That was refused. Reload the page.");
});
document.body.addEventListener("htmx:beforeRequest", (event) => event.detail.target.setAttribute("aria-busy", "true"));
document.body.addEventListener("htmx:afterRequest", (event) => event.detail.target.removeAttribute("aria-busy"));
document.body.addEventListener("htmx:afterSwap", () => {
  tell("");
  const results = document.getElementById("results");
  if (results) document.getElementById("found").textContent = results.dataset.found;
});
