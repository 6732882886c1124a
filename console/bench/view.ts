// The chart of the console, driven as a hand would drive it.
import uPlot from "uplot";
import { options, View } from "../src/ui/Plot";

/** Script times in milliseconds of frames that pan or zoom, and the most points that were drawn. */
export async function run(what: "pan" | "zoom", points: number, lines: number, frames: number): Promise<{ times: number[]; drawn: number }> {
  const place = document.getElementById("place");
  if (!place) throw new Error("no place");
  place.replaceChildren();
  const labels = Array.from({ length: lines }, (_, n) => `line ${n}`);
  const idle = () => {};
  const plot = new uPlot(options({ width: 1200, height: 300, lines: labels, format: String, isUtc: true, moved: idle, chosen: idle, reset: idle }), [[], ...labels.map(() => [])], place);
  const view = new View(plot);
  const seconds = Float64Array.from({ length: points }, (_, n) => 1.7e9 + n);
  const values = labels.map((_, line) => Float64Array.from(seconds, (_, n) => Math.sin(n / (300 + line)) + Math.sin(n * 12.9898 + line) * 0.4));
  view.take(seconds, values);
  if (what === "pan") view.zoom(0.6);
  const act = (n: number) => (what === "zoom" ? view.zoom(n % 40 < 20 ? 0.85 : 1 / 0.85) : view.pan(n % 60 < 30 ? 0.02 : -0.02));
  const times: number[] = [];
  let drawn = 0;
  for (let n = 0; n < frames; n++) {
    await new Promise(requestAnimationFrame);
    const before = performance.now();
    act(n);
    // uPlot draws in a microtask: what is awaited here is the drawing.
    await Promise.resolve();
    await Promise.resolve();
    drawn = Math.max(drawn, view.drawn);
    times.push(performance.now() - before);
  }
  plot.destroy();
  return { times, drawn };
}
