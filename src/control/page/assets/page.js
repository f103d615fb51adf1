// What changes is told here, and shown when its reader asks for it: nothing on the page moves by itself.
"use strict";

(() => {
  const plural = (count, one, more) => (count === 1 ? `1 ${one}` : `${count} ${more}`);

  // Time that is left, by this page's own clock from when it was loaded.
  const loaded = performance.now();
  const spans = (seconds) => {
    if (seconds < 60) return `${seconds} s`;
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    if (hours === 0) return `${minutes} min`;
    return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
  };
  const tick = () => {
    const passed = (performance.now() - loaded) / 1000;
    for (const time of document.querySelectorAll("[data-left]")) {
      if (time.dataset.end === undefined) {
        time.dataset.end = String(passed + Number(time.dataset.left));
      }
      const left = Math.max(0, Math.floor(Number(time.dataset.end) - passed));
      time.textContent = spans(left);
    }
  };
  tick();
  setInterval(tick, 1000);

  const wrong = document.getElementById("wrong");
  if (wrong) {
    wrong.tabIndex = -1;
    wrong.focus();
  }

  // A form is sent once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  });
  // Coming back by the browser's own button shows what was; it is looked at anew.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  if (!("live" in document.body.dataset)) return;

  const news = document.getElementById("news");
  const text = document.getElementById("news-text");
  let waiting = null;

  const say = (words) => {
    if (!news || text.textContent === words) return;
    text.textContent = words;
    news.hidden = words === "";
  };

  const compare = () => {
    if (waiting === null || lost) return;
    const article = document.querySelector("article[data-pending]");
    if (article) {
      const now = waiting.get(article.dataset.id);
      if (now === undefined) say("This does not wait any more.");
      else say(now === article.dataset.revision ? "" : "This was changed since you opened it.");
      return;
    }
    if (!document.getElementById("inbox")) return;
    const known = new Set();
    for (const row of document.querySelectorAll(".row[data-id]")) {
      const now = waiting.get(row.dataset.id);
      known.add(row.dataset.id);
      const gone = now === undefined;
      row.classList.toggle("is-gone", gone);
      row.querySelector(".gone").hidden = !gone;
      row.querySelector(".button").hidden = gone;
    }
    // Those of a card that are only counted there.
    for (const card of document.querySelectorAll("[data-hidden]")) {
      for (const id of card.dataset.hidden.split(" ")) known.add(id);
    }
    const fresh = [...waiting.keys()].filter((id) => !known.has(id)).length;
    say(fresh === 0 ? "" : `${plural(fresh, "new call waits", "new calls wait")}.`);
    document.title = document.title.replace(/\(\d+\)/, `(${waiting.size})`);
  };

  document.addEventListener("htmx:afterSettle", () => {
    tick();
    compare();
    const first = document.querySelector("main h1");
    if (first) {
      first.tabIndex = -1;
      first.focus();
    }
  });

  // A stream that ends the browser asks for again by itself. Not one that was refused, and not one of which it does not know that it
  // is lost: the machine slept, or is in another network. Milliseconds.
  const SILENT = 15_000;
  const AGAIN = 5_000;
  // Who is refused again and again asks less and less often.
  const AGAIN_AT_MOST = 60_000;
  let again = AGAIN;
  let events = null;
  let heard = 0;
  let lost = false;

  const hears = () => {
    heard = Date.now();
    again = AGAIN;
    if (!lost) return;
    lost = false;
    say("");
    compare();
  };
  const listen = () => {
    events?.close();
    heard = Date.now();
    events = new EventSource("/events");
    events.addEventListener("still", hears);
    events.addEventListener("waiting", (event) => {
      const [, ...lines] = event.data.split("\n");
      waiting = new Map(lines.filter((line) => line).map((line) => line.split(" ")));
      hears();
      compare();
    });
  };
  const watch = () => {
    const silent = Date.now() - heard;
    const refused = events.readyState === EventSource.CLOSED;
    if (silent <= (refused ? again : SILENT)) return;
    if (refused) again = Math.min(again * 2, AGAIN_AT_MOST);
    lost = true;
    say("Changes are not told here now.");
    listen();
  };
  listen();
  setInterval(watch, 1000);
  document.addEventListener("visibilitychange", watch);
  window.addEventListener("online", listen);
})();
