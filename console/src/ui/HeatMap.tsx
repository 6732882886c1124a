// Columns by windows on a canvas: how far each is from its reference. Colours run from blue to orange, which
// every eye tells apart; what is not known is hatched, what was told has a mark. The keyboard goes from cell to
// cell, and the table beside it holds what the cells hold.
import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from "react";
import { useWords } from "../i18n";
import { saveBlob } from "./basics";
import { useTheme } from "./Plot";

export interface HeatCell {
  /** Distance by tolerance; null where there is not enough data. */
  ratio: number | null;
  isTold: boolean;
  isQuality: boolean;
}
export interface HeatRow {
  id: string;
  name: string;
  cells: readonly (HeatCell | null)[];
}

/** Ratios at which the colour changes. At 1 it goes from blue to orange. */
export const STEPS = [0.5, 1, 1.5, 2];
const HEIGHT = 22;
const LABEL = 190;
/** Cells are at least so wide; the picture scrolls when there are more than fit. */
const LEAST = 7;

const style = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const step = (ratio: number) => STEPS.filter((at) => ratio >= at).length;

interface Shown {
  title: string;
  rows: readonly HeatRow[];
  columns: number;
  chosen: string | null;
  choose: (row: string) => void;
  /** A cell in words. */
  says: (row: number, column: number) => string;
}

export function HeatMap({ title, rows, columns, chosen, choose, says }: Shown) {
  const words = useWords();
  const own = words.watch.monitoring;
  const theme = useTheme();
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(0);
  const [at, setAt] = useState<{ row: number; column: number } | null>(null);
  const width = Math.max(LEAST, Math.min(34, (room - LABEL) / Math.max(columns, 1)));

  useEffect(() => {
    const place = box.current;
    if (!place) return;
    const sizes = new ResizeObserver(() => setRoom(place.clientWidth));
    sizes.observe(place);
    return () => sizes.disconnect();
  }, []);
  // biome-ignore: drawn anew in another theme.
  useEffect(() => {
    if (canvas.current && room > 0) draw(canvas.current, { rows, columns, width, at, chosen });
  }, [rows, columns, width, at, chosen, theme, room]);

  const go = (row: number, column: number) => setAt({ row: Math.min(Math.max(row, 0), rows.length - 1), column: Math.min(Math.max(column, 0), columns - 1) });
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const now = at ?? { row: 0, column: columns - 1 };
    const keys: Record<string, () => void> = {
      ArrowRight: () => go(now.row, now.column + 1),
      ArrowLeft: () => go(now.row, now.column - 1),
      ArrowDown: () => go(at === null ? 0 : now.row + 1, now.column),
      ArrowUp: () => go(now.row - 1, now.column),
      Home: () => go(now.row, 0),
      End: () => go(now.row, columns - 1),
      Enter: () => choose(rows[now.row]?.id ?? ""),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const found = (event: PointerEvent) => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    const [row, column] = [Math.floor((event.clientY - top) / HEIGHT), Math.floor((event.clientX - left - LABEL) / width)];
    return row >= 0 && row < rows.length ? { row, column: Math.min(Math.max(column, 0), columns - 1) } : null;
  };
  const save = () => canvas.current?.toBlob((blob) => blob && saveBlob(`${title}.png`, blob));
  return (
    <div className="plot">
      <div className="bar">
        <h3>{title}</h3>
        <div className="tools">
          <button type="button" onClick={save}>PNG</button>
        </div>
      </div>
      <div ref={box} className="heat" role="group" aria-label={`${title}. ${own.heatKeys}`} tabIndex={0} onKeyDown={press} onFocus={() => at === null && go(0, columns - 1)}>
        <canvas
          ref={canvas}
          aria-hidden="true"
          onPointerMove={(event) => setAt(found(event))}
          onPointerDown={(event) => {
            const cell = found(event);
            if (cell) choose(rows[cell.row]?.id ?? "");
          }}
        />
      </div>
      <p className="small" role="status">
        {at === null ? " " : says(at.row, at.column)}
      </p>
      <div className="legend small">
        {[...STEPS.map((ratio) => own.below(String(ratio))), own.above(String(STEPS.at(-1)))].map((name, n) => (
          <span key={name}>
            <svg width="14" height="14" aria-hidden="true">
              <rect width="14" height="14" className={`h${n}`} />
            </svg>{" "}
            {name}
          </span>
        ))}
        <span>
          <svg width="14" height="14" aria-hidden="true" className="hatch">
            <path d="M0 14L14 0M0 7L7 0M7 14L14 7" />
          </svg>{" "}
          {own.few}
        </span>
        <span>● {own.isTold}</span>
        <span>▲ {own.isQuality}</span>
      </div>
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, of: { rows: readonly HeatRow[]; columns: number; width: number; at: { row: number; column: number } | null; chosen: string | null }): void {
  const scale = devicePixelRatio || 1;
  const [wide, high] = [LABEL + of.columns * of.width, of.rows.length * HEIGHT];
  canvas.width = Math.ceil(wide * scale);
  canvas.height = Math.ceil(high * scale);
  canvas.style.width = `${wide}px`;
  canvas.style.height = `${high}px`;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(scale, scale);
  context.fillStyle = style("--panel");
  context.fillRect(0, 0, wide, high);
  const colours = STEPS.map((_, n) => style(`--h${n}`)).concat(style(`--h${STEPS.length}`));
  const [text, soft, line] = [style("--text"), style("--soft"), style("--line")];
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  of.rows.forEach((row, r) => {
    const y = r * HEIGHT;
    context.fillStyle = row.id === of.chosen ? style("--accent") : text;
    context.fillText(row.name.length > 27 ? `${row.name.slice(0, 26)}…` : row.name, 4, y + HEIGHT / 2);
    row.cells.forEach((cell, c) => {
      if (!cell) return;
      const x = LABEL + c * of.width;
      const [w, h] = [Math.max(of.width - 1, 1), HEIGHT - 2];
      if (cell.ratio === null) {
        context.strokeStyle = soft;
        context.lineWidth = 1;
        context.beginPath();
        for (let from = -h; from < w; from += 5) {
          context.moveTo(x + Math.max(from, 0), y + 1 + Math.min(h, h + from));
          context.lineTo(x + Math.min(from + h, w), y + 1 + Math.max(0, from + h - w));
        }
        context.stroke();
        context.strokeStyle = line;
        context.strokeRect(x + 0.5, y + 1.5, w - 1, h - 1);
      } else {
        context.fillStyle = colours[step(cell.ratio)] ?? line;
        context.fillRect(x, y + 1, w, h);
      }
      context.fillStyle = text;
      if (cell.isTold) {
        context.beginPath();
        context.arc(x + w / 2, y + HEIGHT / 2, Math.min(3.5, w / 2), 0, 7);
        context.fill();
      }
      if (cell.isQuality) {
        context.beginPath();
        context.moveTo(x, y + HEIGHT - 2);
        context.lineTo(x + Math.min(8, w), y + HEIGHT - 2);
        context.lineTo(x, y + HEIGHT - 10);
        context.fill();
      }
    });
  });
  if (of.at) {
    context.strokeStyle = style("--focus");
    context.lineWidth = 2;
    context.strokeRect(LABEL + of.at.column * of.width, of.at.row * HEIGHT + 1, of.width - 1, HEIGHT - 2);
  }
}
