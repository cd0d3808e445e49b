// The page of one rater. The address holds the rater's token; nothing here knows what is compared.
"use strict";

const token = location.pathname.split("/").pop();
const byId = (id) => document.getElementById(id);
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

let state = null;       // what the server said last
let shownAt = 0;        // when both pictures were on the screen
let busy = true;        // an answer is on its way, or pictures are loading
const images = new Map();  // pair/side -> promise of an object URL

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Ask until there is an answer: a lost connection or a restart costs time, never a vote.
async function request(path, options = {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await fetch(path, {
        ...options,
        headers: { Authorization: `Bearer ${token}`, ...(options.headers || {}) },
      });
      if (response.status < 500 && response.status !== 429) return response;
    } catch { /* offline, or the server is being restarted */ }
    say("No connection. Your answer is kept and sent again…");
    await wait(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
  }
}

const post = (path, body) => request(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

function say(text) { byId("message").textContent = text; }

function picture(pair, side) {
  const key = `${pair}/${side}`;
  if (!images.has(key)) {
    images.set(key, request(`/image/${key}`).then(async (response) => {
      if (!response.ok) return null;
      return URL.createObjectURL(await response.blob());
    }));
  }
  return images.get(key);
}

function forget(pairs) {
  for (const [key, promise] of images) {
    if (!pairs.some((pair) => key.startsWith(`${pair}/`))) {
      images.delete(key);
      promise.then((url) => url && URL.revokeObjectURL(url));
    }
  }
}

async function show(next) {
  state = next;
  busy = true;
  document.body.classList.add("waiting");
  byId("progress").max = state.total;
  byId("progress").value = state.done;
  byId("count").textContent = `${state.done} of ${state.total}`;
  byId("question").textContent = state.question;
  byId("both-bad").hidden = byId("help-both-bad").hidden = !state.bothBad;
  byId("undo").disabled = !state.canUndo;
  forget(state.pairs);
  const [pair, upcoming] = state.pairs;
  byId("voting").hidden = !pair;
  byId("thanks").hidden = Boolean(pair);
  if (!pair) {
    document.body.classList.remove("waiting");
    busy = false;
    say("");
    return;
  }
  const sides = ["left", "right"];
  const urls = await Promise.all(sides.map((side) => picture(pair, side)));
  await Promise.all(sides.map(async (side, number) => {
    const element = byId(`image-${side}`);
    element.src = urls[number] || "";
    if (urls[number]) await element.decode().catch(() => {});
  }));
  for (const element of document.querySelectorAll(".chosen")) element.classList.remove("chosen");
  document.body.classList.remove("waiting");
  shownAt = performance.now();
  busy = false;
  const lost = urls.some((url) => !url);
  say(lost ? "A picture cannot be shown; answer Not sure." : `Pair ${state.done + 1} of ${state.total}`);
  if (upcoming) sides.forEach((side) => picture(upcoming, side));
}

async function refresh(message = "") {
  const response = await request("/state");
  if (!response.ok) {
    say((await response.json()).error);
    return;
  }
  await show(await response.json());
  if (message) say(message);
}

async function send(path, body) {
  busy = true;
  document.body.classList.add("waiting");
  const response = await post(path, body);
  if (response.ok) await show(await response.json());
  else await refresh((await response.json()).error);
}

function answer(value) {
  const pair = state && state.pairs[0];
  if (busy || !pair || (value === "both_bad" && !state.bothBad)) return;
  document.querySelector(`[data-answer="${value}"]`).classList.add("chosen");
  send("/vote", { pair, answer: value, seconds: (performance.now() - shownAt) / 1000 });
}

function undo() {
  if (!busy && state && state.canUndo) send("/undo", { done: state.done });
}

function help() {
  const dialog = byId("explanation");
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

const KEYS = {
  ArrowLeft: () => answer("left"), a: () => answer("left"),
  ArrowRight: () => answer("right"), b: () => answer("right"),
  " ": () => answer("tie"), x: () => answer("both_bad"), u: undo, "?": help,
};

// A button that was reached with Tab takes the space bar, as everywhere; one that was clicked or
// touched has the focus too, and there the space bar is "not sure".
let tabbed = false;
const isForButton = (key) => key === " " && tabbed && document.activeElement.matches("button");
document.addEventListener("pointerdown", () => { tabbed = false; });

document.addEventListener("keydown", (event) => {
  if (event.key === "Tab") tabbed = true;
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (byId("explanation").open && key !== "?") return;
  if (!KEYS[key] || isForButton(key)) return;
  event.preventDefault();
  KEYS[key]();
});
// A clicked button would take the space bar for a click when it is let go.
document.addEventListener("keyup", (event) => {
  if (event.key === " " && !isForButton(" ") && !byId("explanation").open) event.preventDefault();
});

for (const button of document.querySelectorAll("[data-answer]")) {
  button.addEventListener("click", () => answer(button.dataset.answer));
}
byId("undo").addEventListener("click", undo);
byId("undo-last").addEventListener("click", undo);
byId("help").addEventListener("click", help);
refresh();
