// A browser against the server that the test of Rust furnished (crates/plimsoll/tests/e2e/console.rs).
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

const environment = (name) => {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: run by cargo nextest -E 'test(people_see)'`);
  return value;
};
export const CONSOLE = environment("PLIMSOLL_CONSOLE");
export const DATA = environment("PLIMSOLL_DATA");
const SHOTS = environment("PLIMSOLL_SHOTS");
export const REQUEST = environment("PLIMSOLL_REQUEST");
export const key = (role) => environment(`KEY_${role.toUpperCase().replaceAll("-", "_")}`);

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** How long anything may take to show, in milliseconds: machines of CI are slow and busy. */
const PATIENCE = Number(process.env.PLIMSOLL_PATIENCE ?? 30_000);

let browser;
before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});
after(() => browser.close());

/** A page of a browser that nobody is signed in to; everything it complains about fails the test, requests to
 * anybody but the console and `also` included. */
export async function opened({ also = [], ...settings } = {}) {
  const context = await browser.newContext({ baseURL: `${CONSOLE}/console/`, viewport: { width: 1360, height: 900 }, locale: "en-GB", ...settings });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // Refusals of the server are answers, which the page shows; everything else is a fault.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (![CONSOLE, ...also].some((origin) => request.url().startsWith(origin)) && !/^(data|blob):/.test(request.url())) complaints.push(`asks ${request.url()}`);
  });
  return { page, context, end: async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  } };
}

/** A page that `role` is signed in to, at `path`. */
export async function as(role, path = "", settings = {}) {
  const held = await opened(settings);
  await held.page.goto("");
  await held.page.getByLabel("API key").fill(key(role));
  await held.page.getByRole("button", { name: "Sign in" }).click();
  await held.page.getByRole("heading", { name: "Overview" }).waitFor();
  if (path !== "") await held.page.goto(path);
  return held;
}

/** The largest picture that the README shows, in bytes. */
const MAX_PICTURE = 200_000;
/** A picture of what is in view for the README, in both themes: taken where `make pictures` asks for it. */
export async function picture(page, name, { themes = ["light", "dark"], height = 860 } = {}) {
  const folder = process.env.PLIMSOLL_PICTURES;
  if (!folder) return;
  const before = page.viewportSize();
  await page.setViewportSize({ width: 1280, height });
  for (const colorScheme of themes) {
    await page.emulateMedia({ colorScheme });
    await page.mouse.move(0, 0);
    await page.waitForTimeout(600);
    const path = `${folder}/console-${name}${colorScheme === "dark" ? "-dark" : ""}.png`;
    const { length } = await page.screenshot({ path, animations: "disabled", caret: "hide" });
    assert.ok(length <= MAX_PICTURE, `${path} has ${length} bytes, more than ${MAX_PICTURE}`);
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(before);
}

export const shot = (page, name) => page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });

/** Serious and critical findings of axe-core (WCAG 2.2 AA). */
export async function findings(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
  });
}

/** Asks the API as `role`, beside the browser. */
export async function api(role, method, path, body) {
  const answer = await fetch(`${CONSOLE}${path}`, {
    method,
    headers: { authorization: `Bearer ${key(role)}`, ...(body ? { "content-type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/** Asks for a decision; gives its id. */
export async function decide(body = REQUEST) {
  const answer = await fetch(`${DATA}/v2/models/credit-default/infer`, {
    method: "POST",
    headers: { authorization: `Bearer ${key("caller")}`, "content-type": "application/json" },
    body,
  });
  return { id: answer.headers.get("plimsoll-decision-id"), status: answer.status };
}
