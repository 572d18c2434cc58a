"use strict";
// Keeps what is marked data-live up to date, and filters while somebody types.
// Without this file the page works, and is loaded anew by hand.
(() => {
  const seconds = Number(document.body.dataset.poll);
  if (!seconds) return;
  const live = document.getElementById("live");
  const form = document.querySelector("form.filter");
  let tag = "", asked = 0, timer, failures = 0;

  async function refresh(address) {
    const turn = ++asked;
    try {
      const answer = await fetch(address, { headers: tag ? { "If-None-Match": tag } : {}, credentials: "same-origin", cache: "no-store" });
      if (turn !== asked) return;
      if (answer.status === 401 || answer.status === 404) return location.reload();
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(answer.status);
        const text = await answer.text();
        if (turn !== asked) return;
        tag = answer.headers.get("ETag") || "";
        replace(new DOMParser().parseFromString(text, "text/html"));
      }
      failures = 0;
      say("Live");
    } catch {
      failures++;
      say("Not up to date: the server does not answer");
    }
  }

  // A screen reader reads the status aloud, so it is written when it changes only.
  function say(text) { if (live.textContent !== text) live.textContent = text; live.className = failures ? "live stale" : "live"; }

  function replace(page) {
    const fresh = page.querySelector("[data-live]"), old = document.querySelector("[data-live]");
    if (!fresh || fresh.innerHTML === old.innerHTML) return;
    const at = document.activeElement, href = old.contains(at) ? at.getAttribute("href") : null;
    old.replaceWith(fresh);
    document.title = page.title;
    if (href) for (const a of fresh.querySelectorAll("a")) if (a.getAttribute("href") === href) { a.focus({ preventScroll: true }); break; }
  }

  function next() {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (!document.hidden) await refresh(location.href);
      next();
    }, 1000 * seconds * Math.min(1 + failures, 10));
  }

  if (form) {
    let pause;
    form.querySelector("button").hidden = true;
    form.addEventListener("submit", (e) => { e.preventDefault(); show(); });
    form.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(show, 200); });
    const show = () => {
      const query = new URLSearchParams([...new FormData(form)].filter(([, v]) => v));
      history.replaceState(null, "", "./" + (query.size ? "?" + query : ""));
      refresh(location.href);
    };
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(location.href); });
  say("Live");
  next();
})();
