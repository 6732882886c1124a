// `npm run bench`: how much the first load is, what panning and zooming a chart of 100,000 points costs in script
// time per frame, in a real Chromium; and how soon a page paints on a slow machine, if PLIMSOLL_CONSOLE names a server.
import { existsSync, readFileSync, statSync } from "node:fs";
import { chromium } from "playwright-core";
import { build } from "vite";

const FRAMES = 300;
const POINTS = 100_000;
const SLOW = 4;

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
for (const lines of [1, 4]) {
  const { pan, zoom, drawn } = await page.evaluate(([points, lines, frames]) => window.bench.run(points, lines, frames), [POINTS, lines, FRAMES]);
  console.log(`${POINTS.toLocaleString("en")} points × ${lines}, ${FRAMES} frames, at most ${drawn} points drawn`);
  console.log(`  pan   ${shown(pan)}`);
  console.log(`  zoom  ${shown(zoom)}`);
}
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
}
await browser.close();
