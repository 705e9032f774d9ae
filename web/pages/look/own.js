// What a page does beyond its forms: it keeps what is typed, shows changes of others, knows shortcuts, and warns before
// a session ends. Every page works without it.
(() => {
  "use strict";
  const html = document.documentElement;
  html.classList.add("scripted");
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const words = () => document.body.dataset;

  // say announces in the one live region that is there from the start.
  let saying;
  const say = (text) => {
    const region = one("status");
    if (!region) return;
    clearTimeout(saying);
    region.textContent = text;
    if (text) saying = setTimeout(() => { if (region.textContent === text) region.textContent = ""; }, 8000);
  };

  // Drafts: each field of a form with data-draft, for as long as the tab is open, also over a sign-in.
  const typedIn = "input:not([type=hidden]):not([type=password]):not([type=radio]):not([type=checkbox]), textarea";
  const mine = () => "draft:" + words().who + ":";
  const slot = (form, field) => mine() + form.dataset.draft + ":" + field.name;
  const store = {
    get: (key) => { try { return sessionStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { sessionStorage.setItem(key, value); } catch { /* full or switched off */ } },
    drop: (key) => { try { sessionStorage.removeItem(key); } catch { /* the same */ } },
    keys: () => { try { return Object.keys(sessionStorage); } catch { return []; } },
  };
  const forget = (draft) => {
    for (const key of store.keys()) if (key.startsWith(mine() + draft + ":")) store.drop(key);
  };
  // Somebody else may sit down here next: what was typed goes with whoever signs out.
  document.addEventListener("submit", (e) => {
    if (e.target.getAttribute("action") === "/sign-out") {
      for (const key of store.keys()) if (key.startsWith("draft:")) store.drop(key);
    }
  });
  const restore = () => {
    if (!words().who) return;
    const done = one("message")?.dataset.done;
    if (done) forget(done);
    let found = false;
    for (const form of all("form[data-draft]")) {
      for (const field of all(typedIn, form)) {
        const kept = store.get(slot(form, field));
        if (kept === null || kept === field.value) continue;
        if (field.value !== field.defaultValue) continue; // somebody types already
        if (field.defaultValue !== "" && form.querySelector("[aria-invalid=true]")) continue; // the server has it
        field.value = kept;
        found = true;
        const part = form.closest("details");
        if (part) part.open = true;
        count(field);
      }
    }
    if (found) say(words().draft);
  };
  document.addEventListener("input", (e) => {
    const form = e.target.form;
    if (form?.dataset.draft && e.target.matches(typedIn)) {
      if (e.target.value === "") store.drop(slot(form, e.target));
      else store.set(slot(form, e.target), e.target.value);
    }
    count(e.target);
  });
  // dirty: something is typed in a part of the page.
  const dirty = (root) => all("textarea, input[list]", root).some((f) => f.value !== f.defaultValue || f === document.activeElement);

  // count says how many characters are left, when they become few.
  const count = (field) => {
    const most = Number(field.dataset?.most);
    if (!most) return;
    const left = most - [...field.value].length;
    const line = one(field.id + "-left");
    if (!line) return;
    line.classList.toggle("left--over", left < 0);
    line.textContent = left > most / 5 ? "" :
      (left < 0 ? field.dataset.over.replace("%d", -left) : field.dataset.left.replace("%d", left));
  };

  // After a part of the page was replaced the focus goes back to where it was, or to what was said.
  let focused = "";
  document.addEventListener("htmx:before:swap", (e) => {
    const to = e.detail?.ctx?.response?.raw?.url;
    if (to && new URL(to).pathname.startsWith("/sign-in")) { // the session is over: drafts wait for its successor
      e.preventDefault();
      location.assign(location.pathname === "/sign-in" ? to : "/sign-in?to=" + encodeURIComponent(location.pathname));
      return;
    }
    focused = document.activeElement?.id || "";
  });
  document.addEventListener("htmx:after:swap", (e) => {
    restore();
    const target = e.detail?.ctx?.target?.id;
    const active = document.activeElement;
    if (active && active !== document.body) return;
    const again = focused && one(focused);
    const message = one("message");
    if (target === "main" && message?.getAttribute("role") === "alert") {
      (document.querySelector("#main [aria-invalid=true]") || message).focus();
    } else if (again) again.focus({ preventScroll: true });
    else if (target === "main") (message || one("main")).focus({ preventScroll: true });
  });
  document.addEventListener("htmx:error", () => say(words().lost));

  // Changes by others.
  let lost = false, paused = false, fresh = new Set();
  const load = (url, id, select) => htmx.ajax("GET", url, { target: "#" + CSS.escape(id), swap: "outerHTML", select });
  const shown = (id) => one("n-" + id);
  const announce = () => {
    const link = one("news");
    if (!link || fresh.size === 0) return;
    link.textContent = fresh.size === 1 ? words().new1 : words().new.replace("%d", fresh.size);
    link.hidden = false;
    say(link.textContent);
  };
  const refresh = async () => {
    const live = one("live");
    if (!live) return;
    const at = live.dataset.at;
    await load(at, "live", "#live");
    await load(at, "history", "#history");
    const more = one("more");
    if (more && !dirty(more)) await load(at, "more", "#more");
    else {
      // the person has seen how the note stands now: their text goes with that version
      for (const ver of all("input[name=ver]", more || document)) ver.value = one("live").dataset.ver;
      say(words().changed);
    }
  };
  const changed = (note) => {
    const feed = one("feed");
    if (feed.dataset.note !== "list") {
      if (feed.dataset.note === note.note && note.ver > Number(one("live")?.dataset.ver)) refresh();
      return;
    }
    const row = shown(note.note);
    if (row) {
      if (note.ver > Number(row.dataset.ver)) load("/notes/" + note.note + "/row", row.id);
    } else if (["made", "reopened", "rerouted"].includes(note.kind)) {
      fresh.add(note.note);
      announce();
    }
  };
  document.addEventListener("note", (e) => {
    if (paused) return;
    try { changed(JSON.parse(e.detail.data)); } catch { /* a newer server's event */ }
  });
  // After a gap nobody knows what was missed: every row that is shown is looked at anew.
  const catchUp = () => {
    if (paused) return;
    if (one("live")) { refresh(); return; }
    for (const row of all("#rows > tr")) load("/notes/" + row.id.slice(2) + "/row", row.id);
  };
  document.addEventListener("ready", () => {
    if (!lost) return;
    lost = false;
    say(words().back);
    catchUp();
  });
  document.addEventListener("htmx:sse:error", () => { if (!lost) { lost = true; say(words().lost); } });
  document.addEventListener("htmx:sse:before:connection", (e) => { if (e.detail?.connection?.attempt > 0) lost = true; });
  document.addEventListener("click", (e) => {
    const button = e.target.closest("#pause");
    if (button) {
      paused = !paused;
      button.setAttribute("aria-pressed", paused);
      [button.textContent, button.dataset.resume] = [button.dataset.resume, button.textContent];
      if (!paused) catchUp();
    }
    const opener = e.target.closest("[data-opens]");
    if (opener) one(opener.dataset.opens).showModal();
  });
  // A call that is being set up makes no event of its note: the page asks.
  setInterval(() => { if (!paused && document.querySelector("[data-poll]")) load(one("live").dataset.at, "live", "#live"); }, 2000);

  // Shortcuts, which a person can switch off (WCAG 2.1.4).
  const keysOn = () => store.get("keys") !== "off";
  const step = (by) => {
    const links = all(".note__subject");
    if (!links.length) return;
    const row = document.activeElement?.closest?.(".note");
    const at = links.findIndex((l) => l.closest(".note") === row);
    links[Math.min(Math.max(at + by, 0), links.length - 1)].focus();
  };
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey || !keysOn() || document.querySelector("dialog[open]")) return;
    if (e.target.matches?.("input, textarea, select, [contenteditable]")) return;
    const does = {
      "?": () => one("keys")?.showModal(), "/": () => one("q")?.focus(), j: () => step(1), k: () => step(-1),
    }[e.key] || (() => {
      const key = /^[a-z]$/.test(e.key) ? e.key : "";
      if (!key) return false;
      if (key === "p" && document.activeElement?.closest?.(".note")) {
        const take = document.activeElement.closest(".note").querySelector("button");
        if (take) { take.click(); return true; }
      }
      const target = document.querySelector(`[data-key="${key}"]`);
      if (!target) return false;
      if (target.tagName === "SUMMARY") {
        target.parentElement.open = true;
        target.parentElement.querySelector("textarea, input:not([type=hidden])")?.focus();
      } else target.click();
      return true;
    });
    if (does() !== false) e.preventDefault();
  });
  document.addEventListener("change", (e) => {
    if (e.target.id === "keys-on") { if (e.target.checked) store.drop("keys"); else store.set("keys", "off"); }
  });

  // The end of the session, with a warning two minutes ahead.
  const warnAhead = 120;
  let ends = 0, last = 0, length = 0;
  const since = () => performance.now() / 1000;
  const begin = () => {
    const d = document.body.dataset;
    length = Number(d.ends) || 0;
    ends = length ? since() + length : 0;
    last = Number(d.last) ? since() + Number(d.last) : 0;
  };
  const renewed = () => { if (length) ends = since() + length; };
  document.addEventListener("htmx:after:request", (e) => {
    const form = e.detail?.ctx?.sourceElement, to = e.detail?.ctx?.response?.raw?.url;
    if (form?.dataset?.draft && to && new URL(to).searchParams.has("done")) forget(form.dataset.draft); // it has arrived
    if (e.detail?.ctx?.request?.action !== "/events") renewed();
  });
  document.addEventListener("submit", async (e) => {
    if (e.target.closest("#idle")) {
      e.preventDefault();
      const answer = await fetch("/me/stay", { method: "POST", headers: { "HX-Request": "true" } }).catch(() => null);
      if (answer?.ok && !answer.redirected) { renewed(); one("idle").close(); } else location.reload();
    }
  });
  setInterval(() => {
    if (!ends) return;
    const box = one("idle"), now = since(), end = last ? Math.min(ends, last) : ends;
    if (now > end + 2) { location.reload(); ends = 0; return; }
    if (end - now < warnAhead && !box.open) {
      if (last && last <= ends) one("idle-text").textContent = one("idle-text").dataset.last;
      box.showModal();
    } else if (end - now > warnAhead + 5 && box.open) box.close();
  }, 1000);

  const start = () => {
    begin();
    restore();
    const on = one("keys-on");
    if (on) on.checked = keysOn();
    // what a change said stays out of the address: reloading must not say it again
    if (location.search.includes("done=")) history.replaceState(null, "", location.pathname);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
