// Looks at the status page as people do: in light and dark, wide and narrow, with a keyboard, without scripts, and live. Prints
// what is wrong, one JSON object: `{"wrong": [...], "seen": [...]}`. Pictures of what it saw are left in a folder.
//
//   node look.mjs <address> <the browser's program> <folder for pictures>
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [address, program, folder] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const axe = require.resolve("axe-core/axe.min.js");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PAGES = {
  overview: "/",
  search: "/?q=stuck",
  running: "/stages/bazaar/dev",
  stuck: "/stages/bazaar/stuck",
  empty: "/stages/bazaar/fresh",
  missing: "/stages/bazaar/none",
};
const LOOKS = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  narrow: { colorScheme: "light", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

const wrong = [];
const seen = [];
const expect = (fine, what) => (fine ? seen : wrong).push(what);

mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath: program, args: QUIET });

// A page, with everything that it complains of.
const open = async (context, path, name) => {
  const page = await context.newPage();
  // Beside the page's policy, which lets no such script in.
  await page.addInitScript({ path: axe });
  page.on("pageerror", (error) => wrong.push(`${name}: ${error}`));
  page.on("console", (line) => {
    // That there is no such stage is what one page is about.
    const asked = line.text().includes("404");
    if (line.type() === "error" && !asked) wrong.push(`${name}: ${line.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(address)) wrong.push(`${name}: asks ${request.url()}`);
  });
  await page.goto(address + path, { waitUntil: "load" });
  return page;
};

const judge = async (page, name) => {
  const found = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values } }), RULES);
  for (const { id, help, nodes } of found.violations)
    wrong.push(`${name}: ${id}: ${help}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`)}`);
  expect(found.passes.length > 10, `${name}: ${found.passes.length} rules of accessibility pass`);
};

for (const [look, how] of Object.entries(LOOKS)) {
  const context = await browser.newContext({ ...how, bypassCSP: false });
  for (const [which, path] of Object.entries(PAGES)) {
    const name = `${which}-${look}`;
    const page = await open(context, path, name);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(wide <= 0, `${name}: nothing stands out at the side (${wide})`);
    await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
    await judge(page, name);
    await page.close();
  }
  await context.close();
}

// With the keyboard alone.
{
  const context = await browser.newContext(LOOKS.light);
  const page = await open(context, "/stages/bazaar/stuck", "keyboard");
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.textContent);
  expect(first === "Skip to the content", `keyboard: first comes: ${first}`);
  await page.screenshot({ path: `${folder}/keyboard.png` });
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => location.hash === "#content"), "keyboard: the first leads to the content");
  const reached = new Set();
  for (let at = 0; at < 200; at += 1) {
    await page.keyboard.press("Tab");
    const here = await page.evaluate(() => {
      const on = document.activeElement;
      if (!on || on === document.body) return null;
      const style = getComputedStyle(on);
      return { id: on.id || on.textContent.slice(0, 30), seen: on.matches(":focus-visible"), outline: style.outlineStyle };
    });
    if (!here) break;
    reached.add(here.id);
    if (!here.seen) wrong.push(`keyboard: the focus on ${here.id} is not seen`);
  }
  for (const id of ["do-reconcile", "do-pause"]) expect(reached.has(id), `keyboard: ${id} is reached`);
  await context.close();
}

// Without scripts: everything is there, and what can be asked for can be asked for.
{
  const context = await browser.newContext({ ...LOOKS.light, javaScriptEnabled: false });
  const page = await open(context, "/stages/bazaar/calm", "plain");
  expect((await page.locator("svg.grail-graph [data-resource]").count()) > 40, "plain: the picture is there");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.waitForURL(/asked=pause/);
  expect((await page.content()).includes("The stage is paused."), "plain: a form says what it did");
  expect(await page.getByRole("button", { name: "Resume" }).isVisible(), "plain: it can be taken back");
  await page.screenshot({ path: `${folder}/plain.png` });
  await context.close();
}

// Live: a pass is asked for, and the page shows it come to its end without being loaded again.
{
  const context = await browser.newContext(LOOKS.light);
  const page = await open(context, "/stages/bazaar/live", "live");
  await page.waitForFunction(() => document.getElementById("live").textContent === "Live");
  await page.evaluate(() => (window.same = true));
  const events = page.locator("#events li");
  const before = await events.count();
  // The form without leaving the page, so that it is the script that shows what follows.
  await page.evaluate(async () => {
    const form = document.getElementById("do-reconcile").form;
    await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual" });
  });
  const shows = (condition) => page.waitForFunction((one) => document.querySelectorAll(`[data-resource][data-condition=${one}]`).length > 0, condition);
  await shows("done");
  await shows("in-progress");
  await shows("failed");
  await page.waitForFunction((count) => document.querySelectorAll("#events li").length > count, before);
  await page.getByText("Pass 3 is being made").waitFor();
  const change = page.locator("summary", { hasText: "lambda_function.guard" });
  await change.click();
  await change.scrollIntoViewIfNeeded();
  await page.screenshot({ path: `${folder}/change.png` });
  await page.screenshot({ path: `${folder}/live.png`, fullPage: true });
  await judge(page, "live");
  await page.evaluate(async () => {
    const form = document.getElementById("do-pause").form;
    await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual" });
  });
  await page.getByRole("button", { name: "Resume" }).waitFor();
  expect(await page.evaluate(() => window.same === true), "live: the page was not loaded again");
  expect(await change.evaluate((one) => one.parentElement.open), "live: what was unfolded stays so");
  const scrolled = await page.locator(".changes").evaluate((one) => one.scrollTop);
  expect(scrolled > 0, `live: what was scrolled stays so (${scrolled})`);
  const coloured = await page.evaluate(() => {
    const box = document.querySelector("[data-condition=done] > .box");
    return getComputedStyle(box).stroke;
  });
  expect(coloured === "rgb(60, 125, 90)", `live: the picture has its colours (${coloured})`);
  await context.close();
}

await browser.close();
console.log(JSON.stringify({ wrong, seen }));
