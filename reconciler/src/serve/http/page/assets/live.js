// Keeps a page of grail up to date: colours the picture as events come, and takes the parts that have changed from the page as
// the server writes it. Without this file the page says the same, as of when it was loaded.
"use strict";
(() => {
  const address = document.body.dataset.events;
  if (!address || !window.EventSource || !window.fetch) return;
  const live = document.getElementById("live");
  const told = document.getElementById("told");
  const say = (word, text) => {
    if (!live) return;
    live.className = "live " + word;
    live.textContent = text;
  };

  // One resource in the picture.
  const mark = ({ element, condition, sign, label }) => {
    const drawn = document.getElementById(element);
    if (!drawn) return false;
    drawn.dataset.condition = condition;
    drawn.setAttribute("aria-label", label);
    const title = drawn.querySelector(":scope > title");
    if (title) title.textContent = label;
    const shown = drawn.querySelector(":scope > .badge > .sign");
    if (shown) shown.textContent = sign;
    return true;
  };

  // What stands between the title of a picture and what is drawn: the counts.
  const heading = (title) => {
    const found = [];
    let one = title.nextElementSibling;
    while (one && !one.matches(".rail, .lines")) {
      found.push(one);
      one = one.nextElementSibling;
    }
    return found;
  };

  // The picture keeps its place and the focus in it where the same resources are drawn.
  const redraw = (mine, theirs) => {
    const boxes = (of) => Array.from(of.querySelectorAll("[data-resource]"));
    const [old, fresh] = [boxes(mine), boxes(theirs)];
    const same = old.length === fresh.length && old.length > 0 && old.every((box, at) => box.id === fresh[at].id);
    if (!same) return false;
    fresh.forEach((box) => {
      const sign = box.querySelector(":scope > .badge > .sign");
      mark({
        element: box.id,
        condition: box.dataset.condition,
        sign: sign ? sign.textContent : "",
        label: box.getAttribute("aria-label"),
      });
    });
    const [title, says] = [mine.querySelector("svg > .title"), theirs.querySelector("svg > .title")];
    if (title && says) {
      heading(title).forEach((one) => one.remove());
      title.after(...heading(says));
    }
    return true;
  };

  const replace = (mine, theirs) => {
    if (mine.outerHTML === theirs.outerHTML) return;
    if (mine.id === "picture" && redraw(mine, theirs)) {
      const [said, says] = [mine.querySelector("p"), theirs.querySelector("p")];
      if (said && says) said.replaceWith(says);
      return;
    }
    const focused = mine.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolled = (of) => Array.from(of.querySelectorAll(".drawing, .scroll, .changes"));
    const places = scrolled(mine).map((one) => [one.scrollLeft, one.scrollTop]);
    const open = Array.from(mine.querySelectorAll("details[open]"), (one) => one.id);
    // What has the focus and no name would lose it: later.
    if (!focused && mine.contains(document.activeElement)) return;
    mine.replaceWith(theirs);
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    scrolled(theirs).forEach((one, at) => places[at] && ([one.scrollLeft, one.scrollTop] = places[at]));
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  let asking = false;
  let again = false;
  const refresh = async () => {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const url = new URL(location.href);
      url.searchParams.delete("asked");
      const answer = await fetch(url, { headers: { Accept: "text/html" }, redirect: "error", cache: "no-store" });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        page.querySelectorAll("[data-live]").forEach((theirs) => {
          const mine = document.getElementById(theirs.id);
          if (mine) replace(mine, document.adoptNode(theirs));
        });
      }
    } catch {
      // The next event or the next half minute tries again.
    }
    asking = false;
    if (again) {
      again = false;
      soon(1000);
    }
  };

  let timer = 0;
  const soon = (wait) => {
    if (!timer)
      timer = setTimeout(() => {
        timer = 0;
        refresh();
      }, wait);
  };

  const source = new EventSource(address);
  source.onopen = () => say("on", "Live");
  source.onerror = () => {
    const ended = source.readyState === EventSource.CLOSED;
    say("off", ended ? "Not live: load the page again" : "Not live: connecting …");
  };
  const on = (name, wait, then) =>
    source.addEventListener(name, (event) => {
      const notice = JSON.parse(event.data);
      if (then) then(notice);
      soon(wait);
    });
  on("event", 700, (notice) => notice.mark && mark(notice.mark));
  on("planned", 100);
  on("report", 250);
  on("passed", 100, (notice) => {
    told.textContent = notice.project + "/" + notice.stage + ": " + notice.said;
  });
  on("gap", 0);
  on("gone", 0, (notice) => {
    told.textContent = notice.said;
  });
  // Times go on, and so does what no event tells.
  setInterval(() => document.visibilityState === "visible" && soon(0), 30000);
})();
