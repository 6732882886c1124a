// Drawings about watching, as plain SVG: pairs of bars, values with their intervals, calibration. Each has
// its numbers as a table and files.
import { type ReactNode, useRef } from "react";
import { useWords } from "../i18n";
import { type Column, csv, save, Table } from "./basics";
import type { Pair } from "./cells";
import { savePng } from "./picture";

const WIDTH = 960;
const LABEL = 240;
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

/** A drawing with its title, its files and its numbers. */
export function Figure<T>({ title, rows, columns, id, width = WIDTH, height, children }: { title: string; rows: readonly T[]; columns: readonly Column<T>[]; id: (row: T) => string; width?: number; height: number; children: ReactNode }) {
  const words = useWords();
  const svg = useRef<SVGSVGElement>(null);
  return (
    <div className="plot">
      <div className="bar">
        <h3>{title}</h3>
        <div className="tools">
          <button type="button" onClick={() => svg.current && savePng(svg.current, title)}>PNG</button>
          <button type="button" onClick={() => save(`${title}.csv`, "text/csv", csv(rows, columns))}>CSV</button>
        </div>
      </div>
      <svg ref={svg} className="chart" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={title}>
        {children}
      </svg>
      <details className="small">
        <summary>{words.chart.table}</summary>
        <Table isBare label={`${title}: ${words.chart.table}`} of={rows} id={id} columns={columns} />
      </details>
    </div>
  );
}

const ROW = 34;

/** Of each cell two bars: what is, and what the reference has. */
export function Pairs({ of, title }: { of: readonly Pair[]; title: string }) {
  const words = useWords();
  const most = Math.max(...of.flatMap((pair) => [pair.now, pair.then]), Number.MIN_VALUE);
  const scale = (WIDTH - LABEL - 90) / most;
  const columns: Column<Pair>[] = [
    { name: words.common.name, cell: (pair) => pair.label, text: (pair) => pair.label },
    { name: words.watch.monitoring.now, isNumber: true, cell: (pair) => percent(pair.now), text: (pair) => String(pair.now) },
    { name: words.watch.monitoring.reference, isNumber: true, cell: (pair) => percent(pair.then), text: (pair) => String(pair.then) },
  ];
  const short = (text: string) => (text.length > 32 ? `${text.slice(0, 31)}…` : text);
  return (
    <Figure title={title} rows={of} columns={columns} id={(pair) => pair.label} height={of.length * ROW + 26}>
      <rect className="bar" x={LABEL} y={4} width={14} height={10} />
      <text x={LABEL + 20} y={14}>{words.watch.monitoring.now}</text>
      <rect className="then" x={LABEL + 180} y={4} width={14} height={10} />
      <text x={LABEL + 200} y={14}>{words.watch.monitoring.reference}</text>
      {of.map((pair, n) => (
        <g key={pair.label} transform={`translate(0 ${n * ROW + 24})`}>
          <title>{`${pair.label}: ${percent(pair.now)}, ${words.watch.monitoring.reference} ${percent(pair.then)}`}</title>
          <text x={LABEL - 8} y={20} textAnchor="end">{short(pair.label)}</text>
          <rect className="bar" x={LABEL} y={3} width={Math.max(pair.now * scale, 1)} height={13} />
          <rect className="then" x={LABEL} y={17} width={Math.max(pair.then * scale, 1)} height={9} />
          <text className="soft" x={LABEL + Math.max(pair.now, pair.then) * scale + 6} y={18}>{percent(pair.now)}</text>
        </g>
      ))}
    </Figure>
  );
}

export interface Interval {
  label: string;
  value: number;
  lower?: number | null | undefined;
  upper?: number | null | undefined;
}

/** Values with their intervals below each other, on one scale from zero. */
export function Intervals({ of, title, format = percent }: { of: readonly Interval[]; title: string; format?: (value: number) => string }) {
  const words = useWords();
  const most = Math.max(...of.map((row) => row.upper ?? row.value), 1e-9);
  const x = (value: number) => LABEL + (Math.max(value, 0) / most) * (WIDTH - LABEL - 130);
  const range = (row: Interval) => (row.lower == null || row.upper == null ? "–" : `${format(row.lower)} … ${format(row.upper)}`);
  const columns: Column<Interval>[] = [
    { name: words.common.name, cell: (row) => row.label, text: (row) => row.label },
    { name: words.watch.fairness.value, isNumber: true, cell: (row) => format(row.value), text: (row) => String(row.value) },
    { name: words.watch.performance.lower, isNumber: true, cell: (row) => (row.lower == null ? "–" : format(row.lower)), text: (row) => String(row.lower ?? "") },
    { name: words.watch.performance.upper, isNumber: true, cell: (row) => (row.upper == null ? "–" : format(row.upper)), text: (row) => String(row.upper ?? "") },
  ];
  return (
    <Figure title={title} rows={of} columns={columns} id={(row) => row.label} height={of.length * 26 + 6}>
      {of.map((row, n) => (
        <g key={row.label} transform={`translate(0 ${n * 26})`}>
          <title>{`${row.label}: ${format(row.value)} (${range(row)})`}</title>
          <text x={LABEL - 8} y={18} textAnchor="end">{row.label.length > 32 ? `${row.label.slice(0, 31)}…` : row.label}</text>
          {row.lower != null && row.upper != null && <line className="whisker" x1={x(row.lower)} x2={x(row.upper)} y1={13} y2={13} />}
          <circle className="bar" cx={x(row.value)} cy={13} r={5} />
          <text className="soft" x={x(row.upper ?? row.value) + 10} y={18}>{format(row.value)}</text>
        </g>
      ))}
    </Figure>
  );
}

export interface Bin {
  from: number;
  to: number;
  rows: number;
  score: number;
  outcome: number;
  lower: number;
  upper: number;
}

const SIDE = 420;

/** What was said across, what happened up. */
export function Calibration({ of, title }: { of: readonly Bin[]; title: string }) {
  const words = useWords();
  const own = words.watch.performance;
  const [x, y] = [(value: number) => 60 + value * (SIDE - 80), (value: number) => SIDE - 40 - value * (SIDE - 60)];
  const shown = (value: number) => value.toFixed(3);
  const columns: Column<Bin>[] = [
    { name: own.from, isNumber: true, cell: (bin) => `${shown(bin.from)} … ${shown(bin.to)}`, text: (bin) => String(bin.from) },
    { name: own.said, isNumber: true, cell: (bin) => shown(bin.score), text: (bin) => String(bin.score) },
    { name: own.happened, isNumber: true, cell: (bin) => shown(bin.outcome), text: (bin) => String(bin.outcome) },
    { name: own.lower, isNumber: true, cell: (bin) => shown(bin.lower), text: (bin) => String(bin.lower) },
    { name: own.upper, isNumber: true, cell: (bin) => shown(bin.upper), text: (bin) => String(bin.upper) },
    { name: own.answers, isNumber: true, cell: (bin) => bin.rows.toLocaleString(), text: (bin) => String(bin.rows) },
  ];
  return (
    <Figure title={title} rows={of} columns={columns} id={(bin) => String(bin.from)} width={SIDE} height={SIDE}>
      <line className="axis" x1={x(0)} x2={x(1)} y1={y(0)} y2={y(0)} />
      <line className="axis" x1={x(0)} x2={x(0)} y1={y(0)} y2={y(1)} />
      <line className="ideal" x1={x(0)} x2={x(1)} y1={y(0)} y2={y(1)} />
      {[0, 0.5, 1].map((at) => (
        <g key={at}>
          <text className="soft" x={x(at)} y={SIDE - 22} textAnchor="middle">{at}</text>
          <text className="soft" x={50} y={y(at) + 4} textAnchor="end">{at}</text>
        </g>
      ))}
      <text x={x(0.5)} y={SIDE - 4} textAnchor="middle">{own.said}</text>
      <text x={14} y={y(0.5)} textAnchor="middle" transform={`rotate(-90 14 ${y(0.5)})`}>{own.happened}</text>
      {of.map((bin) => (
        <g key={bin.from}>
          <title>{`${shown(bin.score)} → ${shown(bin.outcome)} (${shown(bin.lower)} … ${shown(bin.upper)}), ${bin.rows}`}</title>
          <line className="whisker" x1={x(bin.score)} x2={x(bin.score)} y1={y(bin.lower)} y2={y(bin.upper)} />
          <circle className="bar" cx={x(bin.score)} cy={y(bin.outcome)} r={4} />
        </g>
      ))}
    </Figure>
  );
}
