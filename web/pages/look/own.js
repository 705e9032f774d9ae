// What a page does beyond its forms: it keeps what is typed, shows changes of others, knows shortcuts, and warns before
// a session ends. Every page works without it.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const words = () => document.body.dataset;
  document.documentElement.classList.add("scripted");

  // Storage, which may be full or switched off: of this tab, and of all tabs.
  const storage = (area) => ({
    get: (key) => { try { return area().getItem(key); } catch { return null; } },
    set: (key, value) => { try { area().setItem(key, value); } catch { /* nothing is kept */ } },
    drop: (key) => { try { area().removeItem(key); } catch { /* nothing was kept */ } },
    keys: () => { try { return Object.keys(area()); } catch { return []; } },
  });
  const tab = storage(() => sessionStorage);
  const browser = storage(() => localStorage);
  // Preferences and what tabs tell each other are a person's own: another may use the same browser.
  const own = (name) => name + ":" + words().who;

  // ---- What is said ----

  // say announces, in a live region that is there from the start, what may be gone again after a while.
  let saying;
  const say = (text) => {
    clearTimeout(saying);
    one("status").textContent = text;
    saying = setTimeout(() => { one("status").textContent = ""; }, 8000);
  };

  // tell lets a notice stand until it is taken back.
  const notice = (name) => document.querySelector(`#notice > [data-name="${name}"]`);
  const tell = (name) => {
    if (notice(name)) return notice(name);
    const line = one("notice-" + name).content.firstElementChild.cloneNode(true);
    line.dataset.name = name;
    one("notice").append(line);
    return line;
  };
  const takeBack = (name) => {
    const line = notice(name);
    if (!line) return;
    const focused = line.contains(document.activeElement);
    line.remove();
    if (focused) (lastFocus?.isConnected ? lastFocus : one("main")).focus({ preventScroll: true });
  };
  let lastFocus; // outside notices
  document.addEventListener("focusin", (e) => { if (!e.target.closest("#notice")) lastFocus = e.target; });

  // ---- Drafts: what is filled in, for as long as the tab is open, also over a sign-in ----

  // A form that belongs to no note is soon about another caller.
  const fleeting = 15 * 60 * 1000;

  const toFillIn = "input:not([type=hidden]):not([type=password]), textarea, select";
  const fields = (form) => [...form.elements].filter((f) => f.name && f.matches(toFillIn));
  const isTick = (field) => field.type === "radio" || field.type === "checkbox";
  const current = (field) => (isTick(field) ? field.checked : field.value);
  const original = (field) => {
    if (isTick(field)) return field.defaultChecked;
    if (field.tagName === "SELECT") return (field.querySelector("option[selected]") || field.options[0])?.value;
    return field.defaultValue;
  };
  const isChanged = (field) => current(field) !== original(field);
  const isFilledIn = (form) => fields(form).some(isChanged);

  const slot = (draft) => own("draft") + ":" + draft;
  const nameOf = (field) => (isTick(field) ? field.name + "=" + field.value : field.name);

  const saveDraft = (form) => {
    if (!isFilledIn(form)) { tab.drop(slot(form.dataset.draft)); return; }
    const values = Object.fromEntries(fields(form).map((f) => [nameOf(f), current(f)]));
    tab.set(slot(form.dataset.draft), JSON.stringify({ at: Date.now(), values }));
  };
  const readDraft = (form) => {
    const kept = JSON.parse(tab.get(slot(form.dataset.draft)));
    if (!kept || form.hasAttribute("data-fleeting") && Date.now() - kept.at > fleeting) return null;
    return kept.values;
  };
  // forgetDraft forgets a draft and those under it: "new" is every form for a new note.
  const forgetDraft = (draft) => {
    for (const key of tab.keys()) if (key === slot(draft) || key.startsWith(slot(draft) + "/")) tab.drop(key);
  };
  const fillIn = (form, values) => {
    for (const field of fields(form)) {
      const value = values[nameOf(field)];
      if (value === undefined) continue;
      if (isTick(field)) field.checked = value; else field.value = value;
      countLeft(field);
    }
  };
  const restoreDrafts = () => {
    const arrived = one("message")?.dataset.done;
    if (arrived) forgetDraft(arrived);
    let found = false;
    for (const form of all("form[data-draft]")) {
      const values = readDraft(form);
      if (!values) { tab.drop(slot(form.dataset.draft)); continue; }
      if (isFilledIn(form) || form.querySelector("[aria-invalid=true]")) continue; // typed since, or sent and wrong
      fillIn(form, values);
      if (!isFilledIn(form)) continue;
      found = true;
      const part = form.closest("details");
      if (part) part.open = true;
    }
    if (found) say(words().draft);
  };

  const fieldChanged = (e) => {
    if (e.target.form?.dataset.draft) saveDraft(e.target.form);
    countLeft(e.target);
  };
  document.addEventListener("input", fieldChanged);
  document.addEventListener("change", fieldChanged);
  // A form that is left grows old from then on.
  let wiped = false;
  addEventListener("pagehide", () => { if (!wiped) all("form[data-fleeting]").filter(isFilledIn).forEach(saveDraft); });
  document.addEventListener("click", (e) => {
    const wipe = e.target.closest("[data-forget]");
    if (!wipe) return;
    forgetDraft(wipe.dataset.forget);
    wiped = true;
  });
  // Somebody else may sit down here next: what was typed goes with whoever signs out.
  document.addEventListener("submit", (e) => {
    if (e.target.getAttribute("action") !== "/sign-out") return;
    for (const key of tab.keys()) if (key.startsWith("draft:")) tab.drop(key);
    wiped = true;
  });

  // countLeft says how many characters are left, when they become few.
  const countLeft = (field) => {
    const most = Number(field.dataset.most);
    const line = one(field.id + "-left");
    if (!most || !line) return;
    const left = most - [...field.value].length;
    line.classList.toggle("left--over", left < 0);
    if (left > most / 5) line.textContent = "";
    else if (left < 0) line.textContent = field.dataset.over.replace("%d", -left);
    else line.textContent = field.dataset.left.replace("%d", left);
  };

  // ---- Forms that htmx sends: the answer takes the place of #main ----

  let sending = false; // until the answer is there: it is newer than what the page asks for by itself
  document.addEventListener("htmx:before:request", () => {
    sending = true;
    takeBack("unsent");
    takeBack("unsure");
  });
  document.addEventListener("htmx:after:request", (e) => {
    const { response, text, sourceElement } = e.detail.ctx;
    if (response.headers.get("HX-Redirect")) { // the browser goes to another page
      if (sourceElement.dataset.draft) forgetDraft(sourceElement.dataset.draft);
      return;
    }
    sending = false;
    if (response.status === 401 || !text.includes('id="main"')) { // no page of ours: what is there stays
      e.preventDefault();
      tell("unsent");
      if (response.status === 401) sessionIsOver(response.headers);
      return;
    }
    const at = new URL(response.raw.url);
    if (at.searchParams.has("done") && sourceElement.dataset.draft) forgetDraft(sourceElement.dataset.draft);
    if (response.raw.redirected) history.replaceState(null, "", at.pathname);
    renewed();
    if (state === "over") become("live");
  });
  document.addEventListener("htmx:error", (e) => {
    const ctx = e.detail.ctx;
    sending = false;
    if (ctx && ctx.text === undefined) tell(ctx.request.signal.reason === "timeout" ? "unsure" : "unsent");
  });

  // The focus goes back to where it was, or to what was said.
  let focused = "";
  document.addEventListener("htmx:before:swap", () => { focused = document.activeElement?.id || ""; });
  document.addEventListener("htmx:after:swap", () => {
    restoreDrafts();
    const message = one("message");
    if (document.activeElement === document.body || !document.activeElement) {
      const isWrong = message?.getAttribute("role") === "alert";
      const wrong = isWrong && (document.querySelector("#main [aria-invalid=true]") || message);
      (wrong || focused && one(focused) || message || one("main")).focus({ preventScroll: !wrong });
    }
    showPause();
    // what changed since the answer was made may have gone by while the page was another
    if (hearing) look({ times: true }); else follow();
  });

  // ---- Changes by others ----

  // How a page stands to them:
  //   live    it hears of changes, and then asks for what it shows
  //   lost    it does not, and tries again, less and less often: what it shows may be old
  //   paused  its reader wants it to stand still
  //   over    the session has ended: it tries again when its reader comes back to it
  let state = "live";
  const become = (next) => {
    const before = state;
    state = next;
    if (next === "lost") tell("lost"); else takeBack("lost");
    if (next !== "over") takeBack("over");
    if (next === "live" && before === "lost") say(words().back);
  };

  const headers = () => ({ "HX-Request": "true", "HX-Current-URL": location.href });
  // asked is the address of what may have changed; nothing on a page that stays as it is.
  const asked = () => one("main").dataset.ask;

  let stream = new AbortController(), hearing = false, failures = 0, again;
  const stop = () => {
    clearTimeout(again);
    stream.abort();
    hearing = false;
  };
  const signedInAgain = () => { if (asked()) follow(); else become("live"); };
  const comeAgain = () => { if (state === "lost" || state === "over") follow(); };
  const fail = () => {
    stop();
    failures++;
    become("lost");
    const seconds = Math.min(2 ** failures, 60) * (0.75 + Math.random() / 2); // so that not all pages come at once
    again = setTimeout(follow, seconds * 1000);
  };
  const sessionIsOver = (told) => {
    stop();
    become("over");
    tell("over").querySelector("a").href = told.get("Sign-In") || "/sign-in";
  };

  // follow opens the stream of changes, and opens the next one when it has ended.
  const follow = async () => {
    stop();
    if (isPaused()) become("paused");
    if (!asked() || state === "paused") return;
    const mine = stream = new AbortController();
    const began = Date.now();
    const heard = await listen(mine);
    if (mine !== stream || mine.signal.aborted && mine.signal.reason !== silent) return; // it was stopped here
    hearing = false;
    if (!heard) fail();
    else again = setTimeout(follow, Date.now() - began < 2000 ? 1000 : 0); // the server ends each after a while
  };

  // listen hears a stream to its end, and reports whether there was one. The server says every 20 seconds that it is
  // there.
  const silent = "nothing was heard for a minute";
  const listen = async (mine) => {
    let silence, heard = false;
    const wait = () => {
      clearTimeout(silence);
      silence = setTimeout(() => mine.abort(silent), 60000);
    };
    try {
      wait();
      const accepts = { ...headers(), Accept: "text/event-stream" };
      const answer = await fetch("/events", { headers: accepts, signal: mine.signal });
      if (answer.status === 401) sessionIsOver(answer.headers);
      if (!answer.ok) return false;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ""; ;) {
        const { value, done } = await reader.read();
        if (done) return heard;
        wait();
        heard = true;
        const events = (text + value).split("\n\n");
        text = events.pop();
        events.forEach(hear);
      }
    } catch {
      return heard;
    } finally {
      clearTimeout(silence);
    }
  };
  const hear = (event) => {
    const [, kind] = /^event: (.*)$/m.exec(event) || [];
    const [, data] = /^data: (.*)$/m.exec(event) || [];
    if (kind === "ready") heardReady(JSON.parse(data));
    if (kind === "note") heardOf(JSON.parse(data));
  };
  // What happened before, since the page was made or while nobody listened, is nowhere told: the page asks.
  const heardReady = ({ who }) => {
    hearing = true;
    if (who !== words().who) location.reload(); // somebody else has signed in
    else look({ times: true });
  };
  let soon = null;
  const heardOf = (change) => {
    const note = one("main").dataset.note;
    if (note && note !== change.note) return;
    soon ??= setTimeout(() => { soon = null; look(); }, 200); // changes come in company
  };

  // look asks for what may have changed, one request at a time: what comes meanwhile goes with the next.
  let looking = false, lookAgain = false, withTimes = false;
  const look = async ({ times = false } = {}) => {
    withTimes ||= times;
    lookAgain = true;
    if (looking) return;
    looking = true;
    try {
      while (lookAgain && asked() && state !== "paused") {
        lookAgain = false;
        if (!await lookOnce()) break;
      }
    } finally {
      looking = false;
    }
  };
  // lookOnce reports whether the page is up to date.
  const lookOnce = async () => {
    const ask = asked(), address = addressNow();
    withTimes = false;
    let answer, text;
    try {
      answer = await fetch(address, { headers: headers(), signal: AbortSignal.timeout(15000) });
      text = await answer.text();
    } catch { /* away */ }
    if (ask !== asked() || sending || state === "paused") return true; // it is another page by now, or will be
    switch (answer?.status) {
      case 200:
        putIn(new DOMParser().parseFromString(text, "text/html"));
        if (hearing) {
          failures = 0;
          become("live");
        }
        return true;
      case 404:
        showGone();
        return true;
      case 401:
        sessionIsOver(answer.headers);
        return false;
      default: // it cannot be had now: what is there stays
        fail();
        return false;
    }
  };
  const rows = () => all("#rows > tr");
  const addressNow = () => {
    const to = new URL(asked(), location.href);
    if (one("live")) {
      to.searchParams.set("ver", one("live").dataset.ver);
      const call = one("message")?.dataset.call ?? document.querySelector("[data-poll]")?.dataset.poll;
      if (call) to.searchParams.set("call", call);
    } else {
      to.searchParams.set("have", rows().map((row) => row.id.slice(2) + "-" + row.dataset.ver).join(","));
      if (withTimes) to.searchParams.set("times", "1");
    }
    return to;
  };

  // putIn replaces what has changed.
  const putIn = (answer) => {
    for (const now of all("tr[id], tr:not([id]) > td", answer)) {
      if (!isOlder(now, one(now.id))) replace(one(now.id), now);
    }
    putInNews(answer.getElementById("news"));
    const live = answer.getElementById("live");
    if (live && !isOlder(live, one("live"))) putInNote(answer, live);
  };
  // isOlder reports whether the page had a newer version meanwhile, by a form that it sent.
  const isOlder = (now, old) => Number(now.dataset.ver) < Number(old?.dataset.ver);
  const putInNote = (answer, live) => {
    if (isOlder(one("live"), live)) {
      say(words().changed);
      one("message")?.classList.add("outdated"); // it told of what was before
    }
    const stage = all(".now__call", live)[0]?.textContent;
    if (stage && stage !== all("#live .now__call")[0]?.textContent) say(stage);
    for (const id of ["subject", "asked", "live", "best", "history", "facts"]) {
      replace(one(id), answer.getElementById(id));
    }
    putInForms(answer.getElementById("more"), live.dataset.ver);
    const came = answer.getElementById("message");
    if (!came) return;
    if (one("message")?.dataset.call) replace(one("message"), came); // it promised the call
    say(came.textContent.trim());
  };
  const putInNews = (now) => {
    const old = one("news");
    if (!now || !old || now.hidden && old === document.activeElement) return;
    const more = Number(now.dataset.new) > Number(old.dataset.new);
    replace(old, now);
    if (more) say(now.textContent);
  };
  // What is there is the same but for a mark of htmx.
  const source = (element) => element.outerHTML.replaceAll(' data-htmx-powered="true"', "");
  const replace = (old, now) => {
    if (!old || !now || source(old) === source(now)) return;
    const had = old.contains(document.activeElement), id = document.activeElement?.id;
    old.replaceWith(now);
    htmx.process(now);
    if (had) (id && one(id) || now.querySelector("a, [tabindex]") || now).focus({ preventScroll: true });
  };

  // A form that somebody has opened or filled in stays as it is, also for the version that they have seen: the server
  // tells who was first. A comment alone goes with any version.
  const inUse = (part) => part.open || isFilledIn(part.querySelector("form"));
  const putInForms = (now, ver) => {
    const more = one("more");
    if (!now || !more) return;
    for (const part of all(".part", more)) if (!inUse(part) && !now.querySelector("#" + part.id)) removePart(part);
    let before = one("more-title");
    for (const part of all(".part", now)) {
      const old = one(part.id);
      if (!old) {
        before.after(part);
        htmx.process(part);
      } else if (!inUse(old)) {
        replace(old.querySelector("form"), part.querySelector("form"));
        old.open = part.open;
      }
      before = one(part.id);
    }
    for (const field of all("#part-comment [name=ver]")) field.value = ver;
  };
  const removePart = (part) => {
    const had = part.contains(document.activeElement);
    part.remove();
    if (had) one("live").focus({ preventScroll: true });
  };

  // showGone takes away what this person may not see any more, and leaves what they have typed.
  const showGone = () => {
    const main = one("main"), had = main.contains(document.activeElement);
    const typed = (field) => field.value && (field.tagName === "TEXTAREA" || isChanged(field));
    const texts = all("textarea, input[type=text]", main).filter(typed).map((field) => field.value);
    main.removeAttribute("data-ask");
    main.removeAttribute("data-note");
    main.replaceChildren(one("gone").content.cloneNode(true));
    const kept = one("gone-typed");
    if (texts.length) kept.value = texts.join("\n\n"); else kept.parentElement.remove();
    if (had) (texts.length ? kept : main).focus({ preventScroll: true });
    stop();
    become("live");
    say(main.querySelector("h1").textContent);
  };

  // A call that is being set up makes no event of its note. Time makes none of a deadline.
  setInterval(() => { if (state === "live" && document.querySelector("[data-poll]")) look(); }, 2000);
  setInterval(() => { if (state === "live" && !document.hidden) look({ times: true }); }, 60000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (state === "live") look({ times: true }); else comeAgain();
  });
  addEventListener("focus", comeAgain);
  addEventListener("online", comeAgain);

  // The pause, for all pages of this person in this browser.
  const isPaused = () => browser.get(own("paused")) !== null;
  const showPause = () => {
    const button = one("pause");
    if (!button) return;
    button.dataset.pause ||= button.textContent;
    button.textContent = isPaused() ? button.dataset.resume : button.dataset.pause;
  };
  const applyPause = () => {
    showPause();
    if (isPaused() === (state === "paused")) return;
    become(isPaused() ? "paused" : "live");
    follow();
  };
  document.addEventListener("click", (e) => {
    if (e.target.closest("#pause")) {
      if (isPaused()) browser.drop(own("paused")); else browser.set(own("paused"), "1");
      applyPause();
    }
    const opener = e.target.closest("[data-opens]");
    if (opener) one(opener.dataset.opens).showModal();
  });

  // ---- Shortcuts, which a person can switch off (WCAG 2.1.4) ----

  const keysAreOn = () => browser.get(own("keys")) === null;
  const step = (by) => {
    const links = all(".note__subject");
    if (!links.length) return;
    const row = document.activeElement?.closest(".note");
    const at = links.findIndex((link) => link.closest(".note") === row);
    links[Math.min(Math.max(at + by, 0), links.length - 1)].focus();
  };
  const goTo = (target) => {
    if (target.tagName === "SUMMARY") {
      target.parentElement.open = true;
      target.parentElement.querySelector("textarea, input:not([type=hidden])")?.focus();
    } else if (target.tagName === "FORM") target.querySelector("button").focus();
    else target.click();
  };
  // pressed reports whether a key does something here.
  const pressed = (key) => {
    switch (key) {
      case "?": one("keys")?.showModal(); return true;
      case "/": one("q")?.focus(); return true;
      case "j": step(1); return true;
      case "k": step(-1); return true;
    }
    if (!/^[a-z]$/.test(key)) return false;
    const inRow = key === "p" && document.activeElement?.closest(".note")?.querySelector("button");
    const target = inRow || document.querySelector(`[data-key="${key}"]`);
    if (target) goTo(target);
    return Boolean(target);
  };
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey || !keysAreOn() || document.querySelector("dialog[open]")) return;
    if (e.target.matches?.("input, textarea, select")) return;
    if (pressed(e.key)) e.preventDefault();
  });
  document.addEventListener("change", (e) => {
    if (e.target.id !== "keys-on") return;
    if (e.target.checked) browser.drop(own("keys")); else browser.set(own("keys"), "off");
  });

  // ---- The end of the session, with a warning two minutes ahead ----

  const warnAhead = 120;
  let ends = 0, last = 0, length = 0; // by now()
  const now = () => performance.now() / 1000;
  const beginSession = () => {
    length = Number(words().ends) || 0;
    last = Number(words().last) ? now() + Number(words().last) : 0;
    renewed();
  };
  const extend = () => { ends = length ? now() + length : 0; };
  // renewed notes that the person did something, and tells the other tabs.
  const renewed = () => {
    extend();
    if (length) browser.set(own("active"), String(Date.now()));
  };
  addEventListener("storage", (e) => {
    if (e.key === own("active")) {
      extend();
      if (state === "over") signedInAgain();
    }
    if (e.key === own("paused")) applyPause();
  });
  document.addEventListener("submit", async (e) => {
    if (!e.target.closest("#idle")) return;
    e.preventDefault();
    const answer = await fetch("/me/stay", { method: "POST", headers: headers() }).catch(() => null);
    if (answer?.ok) renewed();
    else if (answer?.status === 401) sessionIsOver(answer.headers);
    else tell("unsent");
    one("idle").close();
  });
  const watchSession = () => {
    if (!ends) return;
    const box = one("idle"), end = last ? Math.min(ends, last) : ends, left = end - now();
    if (left < -2) {
      ends = 0;
      location.reload(); // and so to the form: nobody sits here, and callers' names are on the screen
    } else if (left < warnAhead && !box.open) {
      if (last && last <= ends) one("idle-text").textContent = one("idle-text").dataset.last;
      box.showModal();
    } else if (left > warnAhead + 5 && box.open) box.close();
  };
  setInterval(watchSession, 1000);

  const start = () => {
    beginSession();
    restoreDrafts();
    if (one("keys-on")) one("keys-on").checked = keysAreOn();
    // what a change said stays out of the address: reloading must not say it again
    if (location.search.includes("done=")) history.replaceState(null, "", location.pathname);
    applyPause();
    if (state === "live") follow();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
