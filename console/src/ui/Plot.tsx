// Lines over time on a canvas (uPlot), with what a canvas lacks: a keyboard, words, a table, files.
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useLanguage, useWords } from "../i18n";
import { useSetting } from "../settings";
import { shown } from "../time";
import { csv, save, saveBlob, Table } from "./basics";
import { keep, numbers, Places, type Values } from "./downsample";

export interface Line {
  label: string;
  values: Values;
}

interface Plotted {
  title: string;
  /** Unix seconds, ascending. */
  times: ArrayLike<number>;
  lines: readonly Line[];
  /** A value for people. */
  format: (value: number) => string;
  height?: number;
  /** What is counted where it is no time: its name. */
  counts?: string;
}

/** Rows that the table beside a chart shows: the latest. */
const TABLE_ROWS = 60;
/** Lines without colour are told apart by their dashes. */
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [1, 2], [12, 4], [6, 2, 1, 2]];
const COLOURS = 8;

const style = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Whether the page is dark now; charts are drawn anew when that changes. */
export function useTheme(): string {
  const now = () => document.documentElement.dataset["theme"] ?? "light";
  const [theme, setTheme] = useState(now);
  useEffect(() => {
    const observer = new MutationObserver(() => setTheme(now()));
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => observer.disconnect();
  }, []);
  return theme;
}

/** The picture itself: what is in view of the data, thinned to what pixels can show. */
export class View {
  private from = Number.NEGATIVE_INFINITY;
  private to = Number.POSITIVE_INFINITY;
  private times: ArrayLike<number> = [];
  private values: readonly Float64Array[] = [];
  private readonly places = new Places();
  /** What uPlot draws, in the same arrays for every frame. */
  private drawnTimes: number[] = [];
  private drawnValues: (number | null)[][] = [];

  constructor(private readonly plot: uPlot) {}

  /** Takes other data; what was looked at closely stays in view. */
  take(times: ArrayLike<number>, values: readonly Values[]): void {
    [this.times, this.values] = [times, values.map(numbers)];
    this.drawnValues = values.map(() => []);
    this.draw();
  }

  get isWhole(): boolean {
    return this.from === Number.NEGATIVE_INFINITY;
  }
  private get edges(): [number, number] {
    const [first, last] = [this.times[0] ?? 0, this.times[this.times.length - 1] ?? 1];
    return [Math.max(this.from, first), Math.min(this.to, last)];
  }

  /** Shows what is between two times. */
  look(from: number, to: number): void {
    if (to - from < 1e-3) return;
    [this.from, this.to] = [from, to];
    this.draw();
  }
  all(): void {
    this.look(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  }
  /** Closer (below 1) or further (above), around a time. */
  zoom(by: number, around?: number): void {
    const [from, to] = this.edges;
    const at = around ?? (from + to) / 2;
    this.look(at - (at - from) * by, at + (to - at) * by);
  }
  /** To the right (or left) by a part of what is in view. */
  pan(by: number): void {
    const [from, to] = this.edges;
    const first = this.times[0] ?? 0;
    const last = this.times[this.times.length - 1] ?? 1;
    const step = Math.min(Math.max((to - from) * by, first - from), last - to);
    this.look(from + step, to + step);
  }

  /** The place in the data of a point that is drawn. */
  place(drawn: number): number {
    return this.places.at(drawn);
  }
  timeAt(drawn: number): number | undefined {
    return this.times[this.place(drawn)];
  }
  get drawn(): number {
    return this.places.length;
  }

  draw(): void {
    const [from, to] = this.edges;
    const { places, times, values, drawnTimes, drawnValues } = this;
    keep(places, times, values, from, to, Math.max(this.plot.bbox.width / devicePixelRatio, 50));
    drawnTimes.length = places.length;
    for (let n = 0; n < places.length; n++) drawnTimes[n] = times[places.at(n)] as number;
    values.forEach((line, which) => {
      const drawn = drawnValues[which] as (number | null)[];
      drawn.length = places.length;
      for (let n = 0; n < places.length; n++) {
        const value = line[places.at(n)] as number;
        drawn[n] = value === value ? value : null;
      }
    });
    this.plot.setData([drawnTimes, ...drawnValues], false);
    this.plot.setScale("x", { min: from, max: Math.max(to, from + 1e-3) });
  }
}

/** What a chart is made with. */
export function options(of: { width: number; height: number; lines: readonly string[]; format: (value: number) => string; isUtc: boolean; isCount?: boolean; moved: (at: number | null) => void; chosen: (from: number, to: number) => void; reset: () => void }): uPlot.Options {
  const axis = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 } };
  return {
    width: of.width,
    height: of.height,
    legend: { show: false },
    cursor: { drag: { setScale: false, x: true, y: false }, bind: { dblclick: () => () => (of.reset(), null) }, points: { size: 7 } },
    tzDate: (seconds) => (of.isUtc ? uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC") : new Date(seconds * 1e3)),
    scales: { x: { time: !of.isCount, auto: false }, y: { range: (_, least, most) => [Math.min(least ?? 0, 0) * 1.05, Math.max(most ?? 1, 1e-9) * 1.05] } },
    axes: [axis, { ...axis, size: 64, values: (_, splits) => splits.map(of.format) }],
    series: [
      {},
      ...of.lines.map((label, n) => ({
        label,
        stroke: style(`--c${(n % COLOURS) + 1}`),
        width: 1.5,
        dash: DASHES[n % DASHES.length] ?? [],
        points: { show: false },
      })),
    ],
    hooks: {
      setCursor: [(plot) => of.moved(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          of.chosen(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

export default function Plot({ title, times, lines, format, height = 220, counts }: Plotted) {
  const words = useWords().chart;
  const language = useLanguage();
  const [zone] = useSetting("zone");
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const view = useRef<View>(null);
  const [at, setAt] = useState<number | null>(null);
  const [isWhole, setWhole] = useState(true);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const labels = lines.map(({ label }) => label);
  const key = labels.join("\n");
  const data = useRef({ times, lines, format });
  data.current = { times, lines, format };

  const moved = (change: (view: View) => void) => {
    if (!view.current) return;
    change(view.current);
    setWhole(view.current.isWhole);
  };
  // biome-ignore: a chart is made anew for other lines, another theme or zone, not for other data.
  useEffect(() => {
    const place = box.current;
    if (!place) return;
    const made = new uPlot(
      options({
        width: Math.max(place.clientWidth, 200),
        height,
        lines: key === "" ? [] : key.split("\n"),
        format: (value) => data.current.format(value),
        isUtc: zone === "UTC",
        isCount: counts !== undefined,
        moved: (drawn) => setAt(drawn === null ? null : (view.current?.place(drawn) ?? null)),
        chosen: (from, to) => moved((view) => view.look(from, to)),
        reset: () => moved((view) => view.all()),
      }),
      [[], ...(key === "" ? [] : key.split("\n")).map(() => [])],
      place,
    );
    // The canvas says nothing; the group around it does.
    made.root.setAttribute("aria-hidden", "true");
    plot.current = made;
    view.current = new View(made);
    view.current.take(data.current.times, data.current.lines.map(({ values }) => values));
    setWhole(true);
    const sizes = new ResizeObserver(() => {
      if (place.clientWidth > 0 && place.clientWidth !== made.width) {
        made.setSize({ width: place.clientWidth, height });
        view.current?.draw();
      }
    });
    sizes.observe(place);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
      view.current = null;
    };
  }, [key, theme, zone, height]);
  useEffect(() => {
    view.current?.take(times, lines.map(({ values }) => values));
  }, [times, lines]);
  // biome-ignore: shown anew when the chart was.
  useEffect(() => {
    lines.forEach(({ label }, n) => plot.current?.setSeries(n + 1, { show: !hidden.has(label) }));
  }, [hidden, key, theme]);

  const step = (by: number) => {
    const [zoomed, drawn] = [view.current, plot.current];
    if (!drawn || !zoomed || zoomed.drawn === 0) return;
    const now = drawn.cursor.idx ?? (by > 0 ? -1 : zoomed.drawn);
    const next = Math.min(Math.max(now + by, 0), zoomed.drawn - 1);
    const x = drawn.data[0][next];
    if (x !== undefined) drawn.setCursor({ left: drawn.valToPos(x, "x"), top: 10 });
  };
  const keys: Record<string, () => void> = {
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    "+": () => moved((view) => view.zoom(0.5, at === null ? undefined : times[at])),
    "-": () => moved((view) => view.zoom(2)),
    PageDown: () => moved((view) => view.pan(0.5)),
    PageUp: () => moved((view) => view.pan(-0.5)),
    Escape: () => moved((view) => view.all()),
  };
  const press = (event: KeyboardEvent) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };
  const when = (place: number) =>
    counts !== undefined ? `${counts}: ${(times[place] ?? 0).toLocaleString(language)}` : shown(new Date((times[place] ?? 0) * 1e3).toISOString(), zone, language);
  const said = at === null || at >= times.length ? null : { time: when(at), values: lines.map(({ values }) => values[at]) };

  return (
    <div className="plot">
      <div className="bar">
        <h3>{title}</h3>
        <div className="tools">
          <button type="button" onClick={keys["PageUp"]} aria-label={words.left} title={words.left}>◀</button>
          <button type="button" onClick={keys["PageDown"]} aria-label={words.right} title={words.right}>▶</button>
          <button type="button" onClick={keys["+"]} aria-label={words.closer} title={words.closer}>+</button>
          <button type="button" onClick={keys["-"]} aria-label={words.further} title={words.further}>−</button>
          <button type="button" onClick={keys["Escape"]} disabled={isWhole} aria-label={words.whole} title={words.whole}>⤢</button>
          <button type="button" onClick={() => plot.current && picture(plot.current, title)}>PNG</button>
        </div>
      </div>
      <div ref={box} className="canvas" role="group" aria-label={`${title}. ${words.keys}`} tabIndex={0} onKeyDown={press} />
      <div className="legend">
        {lines.map(({ label }, n) => (
          <button key={label} type="button" className="plain" aria-pressed={!hidden.has(label)} onClick={() => setHidden((before) => toggled(before, label))}>
            <svg width="22" height="8" aria-hidden="true">
              <line x1="0" x2="22" y1="4" y2="4" className={`c${(n % COLOURS) + 1}`} strokeDasharray={(DASHES[n % DASHES.length] ?? []).join(" ")} />
            </svg>{" "}
            {label}
            {said && said.values[n] != null && <strong> {format(said.values[n] as number)}</strong>}
          </button>
        ))}
        <span className="soft small" role="status">
          {said?.time ?? ""}
        </span>
      </div>
      <AsTable title={title} times={times} lines={lines} format={format} when={when} {...(counts === undefined ? {} : { counts })} />
    </div>
  );
}

const toggled = (all: ReadonlySet<string>, one: string): ReadonlySet<string> => {
  const after = new Set(all);
  if (!after.delete(one)) after.add(one);
  return after;
};

/** The same as numbers, for readers and spreadsheets. */
function AsTable({ title, times, lines, format, when, counts }: Plotted & { when: (place: number) => string }) {
  const words = useWords();
  const [isOpen, setOpen] = useState(false);
  const columns = useMemo(
    () => [
      { name: counts ?? words.common.time, cell: counts === undefined ? when : (place: number) => times[place] ?? 0, text: (place: number) => (counts !== undefined ? String(times[place] ?? 0) : new Date((times[place] ?? 0) * 1e3).toISOString()) },
      ...lines.map(({ label, values }) => ({
        name: label,
        isNumber: true,
        cell: (place: number) => (values[place] == null ? "–" : format(values[place] as number)),
        text: (place: number) => String(values[place] ?? ""),
      })),
    ],
    [words, when, times, lines, format, counts],
  );
  const places = Array.from({ length: times.length }, (_, place) => place);
  return (
    <details className="small" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.chart.table}</summary>
      {isOpen && (
        <>
          <button type="button" onClick={() => save(`${title}.csv`, "text/csv", csv(places, columns))}>
            {words.common.exportCsv}
          </button>
          <Table isBare label={`${title}: ${words.chart.table}`} of={places.slice(-TABLE_ROWS).reverse()} id={String} columns={columns} />
        </>
      )}
    </details>
  );
}

/** The chart as a picture, on the page's background. */
function picture(plot: uPlot, title: string): void {
  const from = plot.ctx.canvas;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [from.width, from.height];
  const context = canvas.getContext("2d");
  if (!context) return;
  context.fillStyle = style("--panel");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(from, 0, 0);
  canvas.toBlob((blob) => blob && saveBlob(`${title}.png`, blob));
}

