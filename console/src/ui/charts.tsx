// Charts as plain SVG: few marks, readable without colour, each with a table or title beside it.
import { type ReactNode, useRef } from "react";
import { useWords } from "../i18n";
import { type Column, csv, fileName, save, Table } from "./basics";
import { savePng } from "./picture";

export interface Bar {
  label: string;
  value: number;
}

const WIDTH = 960;
const LABEL = 360;
const ROW = 24;
const number = (value: number) => value.toPrecision(3);

/** A drawing that can be taken along, as a picture and as its numbers. */
function Taken({ of, title, height, children }: { of: readonly Bar[]; title: string; height: number; children: ReactNode }) {
  const words = useWords();
  const svg = useRef<SVGSVGElement>(null);
  const columns: Column<Bar>[] = [
    { name: words.common.name, cell: () => null, text: (bar) => bar.label },
    { name: words.chart.value, cell: () => null, text: (bar) => String(bar.value) },
  ];
  return (
    <>
      <svg ref={svg} className="chart" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={title}>
        {children}
      </svg>
      <div className="taken">
        <button type="button" className="plain small" aria-label={`PNG: ${title}`} onClick={() => svg.current && savePng(svg.current, fileName(title))}>
          PNG
        </button>
        <button type="button" className="plain small" aria-label={`CSV: ${title}`} onClick={() => save(`${fileName(title)}.csv`, "text/csv", csv(of, columns))}>
          CSV
        </button>
      </div>
    </>
  );
}

/** Bars from zero, longest first. */
export function Bars({ of, title }: { of: readonly Bar[]; title: string }) {
  const most = Math.max(...of.map((bar) => bar.value), Number.MIN_VALUE);
  const scale = (WIDTH - LABEL - 80) / most;
  return (
    <Taken of={of} title={title} height={of.length * ROW}>
      {of.map((bar, n) => (
        <g key={bar.label} transform={`translate(0 ${n * ROW})`}>
          <text x={LABEL - 8} y={16} textAnchor="end">
            {bar.label}
          </text>
          <rect className="bar" x={LABEL} y={4} width={Math.max(bar.value * scale, 1)} height={ROW - 8} rx={2} />
          <text className="soft" x={LABEL + bar.value * scale + 6} y={16}>
            {number(bar.value)}
          </text>
        </g>
      ))}
    </Taken>
  );
}

/** Columns beside each other, in their order: a distribution. */
export function Columns({ of, title }: { of: readonly Bar[]; title: string }) {
  const height = 220;
  const most = Math.max(...of.map((bar) => bar.value), Number.MIN_VALUE);
  const width = WIDTH / Math.max(of.length, 1);
  return (
    <>
      <Taken of={of} title={title} height={height + 22}>
        {of.map((bar, n) => (
          <rect key={bar.label} className="bar" x={n * width + 1} y={height - (bar.value / most) * height} width={Math.max(width - 2, 1)} height={(bar.value / most) * height}>
            <title>{`${bar.label}: ${bar.value}`}</title>
          </rect>
        ))}
        <line className="axis" x1={0} x2={WIDTH} y1={height} y2={height} />
        <text x={0} y={height + 16}>
          {of[0]?.label.split(" … ")[0]}
        </text>
        <text x={WIDTH} y={height + 16} textAnchor="end">
          {of.at(-1)?.label.split(" … ")[1]}
        </text>
      </Taken>
      <AsTable of={of} title={title} />
    </>
  );
}

/** A chart's numbers, for readers and spreadsheets. */
function AsTable({ of, title }: { of: readonly Bar[]; title: string }) {
  const words = useWords();
  const columns = [
    { name: words.common.name, cell: (bar: Bar) => bar.label, text: (bar: Bar) => bar.label },
    { name: words.chart.value, cell: (bar: Bar) => bar.value, text: (bar: Bar) => String(bar.value), isNumber: true },
  ];
  return (
    <details className="small">
      <summary>{words.chart.table}</summary>
      <Table isBare label={`${title}: ${words.chart.table}`} of={of.filter((bar) => bar.value !== 0)} id={(bar) => bar.label} columns={columns} />
    </details>
  );
}

/** How contributions lead from the average to the decision, largest first (SHAP's waterfall). */
export function Waterfall({ of, base, end, title, most = 12 }: { of: readonly Bar[]; base: number; end: number; title: string; most?: number }) {
  const words = useWords().decision;
  const sorted = [...of].filter((bar) => bar.value !== 0).sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const [kept, rest] = [sorted.slice(0, most), sorted.slice(most)];
  const steps = rest.length === 0 ? kept : [...kept, { label: words.others(rest.length), value: rest.reduce((sum, bar) => sum + bar.value, 0) }];
  const ends: number[] = [];
  let at = base;
  for (const step of steps) ends.push((at += step.value));
  const least = Math.min(base, end, ...ends);
  const span = Math.max(Math.max(base, end, ...ends) - least, Number.MIN_VALUE);
  const x = (value: number) => LABEL + ((value - least) / span) * (WIDTH - LABEL - 90);
  const height = (steps.length + 2) * ROW;
  return (
    <Taken of={[{ label: words.base, value: base }, ...sorted, { label: words.sum, value: end }]} title={title} height={height}>
      <line className="axis" x1={x(base)} x2={x(base)} y1={0} y2={height} />
      <text x={LABEL - 8} y={16} textAnchor="end" className="soft">
        {words.base}
      </text>
      <text x={x(base) + 4} y={16} className="soft">
        {number(base)}
      </text>
      {steps.map((step, n) => {
        const before = n === 0 ? base : (ends[n - 1] ?? base);
        const [from, to] = [Math.min(before, before + step.value), Math.max(before, before + step.value)];
        return (
          <g key={step.label} transform={`translate(0 ${(n + 1) * ROW})`}>
            <text x={LABEL - 8} y={16} textAnchor="end">
              {step.label}
            </text>
            <rect className={step.value > 0 ? "up" : "down"} x={x(from)} y={4} width={Math.max(x(to) - x(from), 1)} height={ROW - 8} rx={2} />
            <text x={x(to) + 6} y={16}>
              {step.value > 0 ? "+" : ""}
              {number(step.value)}
            </text>
          </g>
        );
      })}
      <text x={LABEL - 8} y={height - 8} textAnchor="end">
        {words.sum}
      </text>
      <text x={x(end) + 4} y={height - 8}>
        {number(end)}
      </text>
    </Taken>
  );
}
