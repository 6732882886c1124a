// Charts as plain SVG: few marks, readable without colour, each with a table or title beside it.
import { useWords } from "../i18n";

export interface Bar {
  label: string;
  value: number;
}

const WIDTH = 960;
const LABEL = 360;
const ROW = 24;
const number = (value: number) => value.toPrecision(3);

/** Bars from zero, longest first. */
export function Bars({ of, title }: { of: readonly Bar[]; title: string }) {
  const most = Math.max(...of.map((bar) => bar.value), Number.MIN_VALUE);
  const scale = (WIDTH - LABEL - 80) / most;
  return (
    <svg className="chart" viewBox={`0 0 ${WIDTH} ${of.length * ROW}`} role="img" aria-label={title}>
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
    </svg>
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
    <svg className="chart" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={title}>
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
    </svg>
  );
}
