// `npm run bench`: how much the first load is, what panning and zooming a chart of 100,000 points costs in script
// time per frame, in a real Chromium; and, if PLIMSOLL_CONSOLE names a server, how soon a page paints on a slow machine
// and how long after a click or a key the next paint is.
import { existsSync, readFileSync, statSync } from "node:fs";
import { chromium } from "playwright-core";
import { build } from "vite";

const FRAMES = 300;
const POINTS = 100_000;
const SLOW = 4;
/** What a frame may take, in milliseconds: sixty in a second. */
const BOUND = 16;
/** What may pass between a click or a key and what it shows, in milliseconds. */
const INTERACTION = 100;
/** Browsers tell of no faster ones, and round to 8 ms (W3C Event Timing). */
const TOLD = 16;

const root = new URL("..", import.meta.url).pathname;
const built = await build({
  root,
  configFile: false,
  logLevel: "error",
  define: { "process.env.NODE_ENV": '"production"' },
  build: { write: false, target: "es2022", lib: { entry: `${root}bench/view.ts`, formats: ["iife"], name: "bench" } },
});
const script = built[0].output.find(({ type }) => type === "chunk").code;

const dist = `${root}dist/`;
if (existsSync(`${dist}index.html`)) {
  const loaded = [...readFileSync(`${dist}index.html`, "utf8").matchAll(/(?:src|href)="\/console\/(assets\/[^"]+\.js)"/g)].map(([, file]) => `${dist}${file}`);
  const size = loaded.reduce((sum, file) => sum + statSync(existsSync(`${file}.br`) ? `${file}.br` : file).size, 0);
  console.log(`first load: ${(size / 1024).toFixed(1)} KiB of compressed JavaScript in ${loaded.length} files`);
}
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const shown = (times) => {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)].toFixed(2);
  return `p50 ${at(0.5)} ms  p95 ${at(0.95)} ms  most ${at(1)} ms`;
};
const page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
await page.setContent("<!doctype html><body><div id=place style='width:1200px'></div></body>");
await page.addScriptTag({ content: script });
const cdp = await page.context().newCDPSession(page);
/** What `act` gives, and how long the main thread computed for each frame meanwhile, as Chromium's tracing has it:
 * other programs of the machine have no part in that, as they have in what a clock says. */
async function traced(act) {
  const events = [];
  const take = ({ value }) => events.push(...value);
  cdp.on("Tracing.dataCollected", take);
  await cdp.send("Tracing.start", { traceConfig: { includedCategories: ["devtools.timeline"] }, transferMode: "ReportEvents" });
  const given = await act();
  const over = new Promise((done) => cdp.once("Tracing.tracingComplete", done));
  await cdp.send("Tracing.end");
  await over;
  cdp.off("Tracing.dataCollected", take);
  return [given, events.filter(({ name, tdur }) => name === "FireAnimationFrame" && tdur !== undefined).map(({ tdur }) => tdur / 1000)];
}
let isOver = false;
for (const lines of [1, 4]) {
  let most = 0;
  for (const what of ["zoom", "pan"]) {
    const [{ times, drawn }, computed] = await traced(() => page.evaluate(([what, points, lines, frames]) => window.bench.run(what, points, lines, frames), [what, POINTS, lines, FRAMES]));
    if (most === 0) console.log(`${POINTS.toLocaleString("en")} points × ${lines}, ${FRAMES} frames, at most ${drawn} points drawn`);
    most = Math.max(most, drawn);
    console.log(`  ${what.padEnd(5)} by the clock ${shown(times)}`);
    if (computed.length < FRAMES) continue;
    console.log(`        computed     ${shown(computed)}`);
    isOver ||= [...computed].sort((a, b) => a - b)[Math.floor(computed.length * 0.95)] > BOUND;
  }
}
if (isOver) console.log(`beyond ${BOUND} ms of computing per frame in more than one frame of twenty`);
await page.close();

const server = process.env.PLIMSOLL_CONSOLE;
if (server) {
  const times = [];
  for (let n = 0; n < 5; n++) {
    const context = await browser.newContext();
    const fresh = await context.newPage();
    const cdp = await context.newCDPSession(fresh);
    await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOW });
    await fresh.goto(`${server}/console/`);
    await fresh.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
    times.push(await fresh.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    await context.close();
  }
  console.log(`first contentful paint, CPU ${SLOW} × slower, empty cache: ${shown(times)}`);
  for (const slower of [1, SLOW]) {
    const took = await interactions(slower);
    console.log(`from a click or a key to the next paint, CPU ${slower} × slower, ${took.length} interactions: ${shown(took)}`);
    if (slower === 1 && Math.max(...took) > INTERACTION) console.log(`beyond ${INTERACTION} ms`);
  }
}

/** Goes through every page of the navigation and back, opens the palette and types into it: what the slowest event
 * of each interaction took until the next paint. */
async function interactions(slower) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await page.goto(`${server}/console/`);
  const links = page.locator("nav a[href^='/console/']");
  await links.first().waitFor();
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: slower });
  await page.evaluate((least) => {
    window.took = new Map();
    const see = ({ interactionId: id, duration }) => id && window.took.set(id, Math.max(duration, window.took.get(id) ?? 0));
    new PerformanceObserver((list) => list.getEntries().forEach(see)).observe({ type: "event", durationThreshold: least });
  }, TOLD);
  const rest = () => page.waitForTimeout(150 * slower);
  let count = 0;
  const act = async (does) => {
    await does();
    await rest();
    count += 1;
  };
  for (let round = 0; round < 2; round++) {
    for (let place = 0; place < (await links.count()); place++) await act(() => links.nth(place).click());
    await act(() => page.keyboard.press("Control+k"));
    for (const key of "deploy") await act(() => page.keyboard.press(key));
    // The first Escape clears what was typed.
    while (await page.getByRole("dialog").count()) await act(() => page.keyboard.press("Escape"));
  }
  const told = await page.evaluate(() => [...window.took.values()]);
  await context.close();
  // What is not told of was faster.
  return [...told, ...Array(Math.max(0, count - told.length)).fill(TOLD)];
}
await browser.close();
