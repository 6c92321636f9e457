"use strict";
const every = 2000;
const state = document.getElementById("live");
const pause = document.getElementById("pause");
let paused = false;

// A row that plays a recording stays as it is.
const busy = (node) => [...node.querySelectorAll("audio, video")].some((player) => !player.paused);

function mergeRows(body, fresh) {
  const wanted = new Set([...fresh.children].map((row) => row.id));
  for (const row of [...body.children]) if (!wanted.has(row.id)) row.remove();
  let here = body.firstElementChild;
  for (const row of [...fresh.children]) {
    if (here && here.id === row.id) {
      const next = here.nextElementSibling;
      if (!here.isEqualNode(row) && !busy(here)) here.replaceWith(row);
      here = next;
    } else {
      row.classList.add("new");
      row.addEventListener("animationend", () => row.removeAttribute("class"), { once: true });
      body.insertBefore(row, here);
    }
  }
}

function merge(fresh) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    if (!now || old.isEqualNode(now)) continue;
    if (old.tagName === "TBODY") mergeRows(old, now);
    else old.replaceWith(now);
  }
}

function tell(text, lost) {
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("lost", lost);
}

async function renew() {
  try {
    const answer = await fetch("/?live", { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    merge(new DOMParser().parseFromString(await answer.text(), "text/html"));
    tell("live", false);
  } catch {
    tell("the sandbox does not answer; still trying", true);
  }
}

async function live() {
  if (!paused && !document.hidden) await renew();
  setTimeout(live, every);
}

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  if (paused) tell("paused", false);
  else renew();
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      // Browsers give the clipboard to https and to this machine alone.
      getSelection().selectAllChildren(text);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
setTimeout(live, every);
