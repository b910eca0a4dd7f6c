"use strict";
// Files can be dropped, and are hashed before they are sent, so that the server sees whether each arrived as it was.
(() => {
  const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (const form of document.querySelectorAll("form[data-files]")) {
    const input = form.querySelector("input[type=file]"), zone = input.closest(".field");
    const button = form.querySelector("button"), said = form.querySelector("[data-said]");
    const bar = form.querySelector("progress"), { drop, large, sending, unread } = said.dataset;
    const say = (text, wrong = false) => { said.textContent = text; said.classList.toggle("wrong", wrong); };
    const look = () => {
      const files = [...input.files], over = files.find((file) => file.size > Number(input.dataset.largest));
      button.disabled = Boolean(over);
      const named = files.map((file) => `${file.name} (${(file.size / 1e6).toFixed(1)} MB)`).join(", ");
      say(over ? `${over.name}: ${large}` : named || drop, Boolean(over));
    };
    const over = (event) => { event.preventDefault(); zone.classList.toggle("dropping", event.type === "dragover"); };
    zone.addEventListener("dragover", over);
    zone.addEventListener("dragleave", over);
    zone.addEventListener("drop", (event) => {
      over(event);
      input.files = event.dataTransfer.files;
      look();
    });
    input.addEventListener("change", look);
    form.addEventListener("submit", async (event) => {
      const files = [...input.files];
      // A page without TLS has no `crypto.subtle`; the server hashes in any case.
      if (!files.length || !crypto.subtle) return;
      event.preventDefault();
      button.disabled = true;
      say(sending);
      bar.hidden = false;
      bar.max = files.length;
      try {
        for (const file of files) {
          const hash = Object.assign(document.createElement("input"), { type: "hidden", name: "sha256" });
          hash.value = hex(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
          form.append(hash);
          bar.value += 1;
        }
        form.submit();
      } catch {
        clear();
        say(unread, true);
      }
    });
    const clear = () => {
      for (const hash of form.querySelectorAll("input[name=sha256]")) hash.remove();
      bar.hidden = true;
      bar.value = 0;
      look();
    };
    // Also after somebody came back to this page.
    addEventListener("pageshow", clear);
  }
})();
