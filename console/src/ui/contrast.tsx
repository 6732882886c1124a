// Drawings about differences: intervals beside zero, and parts of a change to either side of it.
import { useWords } from "../i18n";
import type { Column } from "./basics";
import { Figure } from "./figures";

const WIDTH = 960;
const LABEL = 260;
const ROW = 30;
const RIGHT = 150;

const cut = (text: string) => (text.length > 34 ? `${text.slice(0, 33)}…` : text);
/** From a value to its place, over all that is shown and zero. */
function scale(values: readonly number[]): (value: number) => number {
  const least = Math.min(0, ...values);
  const most = Math.max(0, ...values);
  const span = Math.max(most - least, Number.MIN_VALUE);
  return (value) => LABEL + 10 + ((value - least) / span) * (WIDTH - LABEL - RIGHT - 10);
}

export interface Effect {
  label: string;
  value: number;
  lower: number;
  upper: number;
}

/** Differences with their intervals below each other, on one scale with zero; within `band` nothing matters. */
export function Forest({ of, title, format, band }: { of: readonly Effect[]; title: string; format: (value: number) => string; band?: number | null | undefined }) {
  const words = useWords();
  const own = words.trials;
  const height = of.length * ROW + 28;
  const x = scale([...of.flatMap((row) => [row.lower, row.upper]), ...(band ? [band, -band] : [])]);
  const columns: Column<Effect>[] = [
    { name: own.arm, cell: (row) => row.label, text: (row) => row.label },
    { name: own.difference, isNumber: true, cell: (row) => format(row.value), text: (row) => String(row.value) },
    { name: own.lower, isNumber: true, cell: (row) => format(row.lower), text: (row) => String(row.lower) },
    { name: own.upper, isNumber: true, cell: (row) => format(row.upper), text: (row) => String(row.upper) },
  ];
  return (
    <Figure title={title} rows={of} columns={columns} id={(row) => row.label} height={height}>
      {band ? <rect className="band" x={x(-band)} width={x(band) - x(-band)} y={0} height={height - 20} /> : null}
      <line className="ideal" x1={x(0)} x2={x(0)} y1={0} y2={height - 20} />
      <text className="soft" x={x(0)} y={height - 4} textAnchor="middle">
        {own.zero}
      </text>
      {of.map((row, n) => (
        <g key={row.label} transform={`translate(0 ${n * ROW})`}>
          <title>{`${row.label}: ${format(row.value)} (${format(row.lower)} … ${format(row.upper)})`}</title>
          <text x={LABEL - 8} y={20} textAnchor="end">
            {cut(row.label)}
          </text>
          <line className="whisker" x1={x(row.lower)} x2={x(row.upper)} y1={15} y2={15} />
          <line className="whisker" x1={x(row.lower)} x2={x(row.lower)} y1={10} y2={20} />
          <line className="whisker" x1={x(row.upper)} x2={x(row.upper)} y1={10} y2={20} />
          <circle className="bar" cx={x(row.value)} cy={15} r={5} />
          <text className="soft" x={WIDTH - RIGHT + 10} y={20}>
            {format(row.value)}
          </text>
        </g>
      ))}
    </Figure>
  );
}

export interface Part {
  label: string;
  /** Above zero to the right, below to the left. */
  value: number;
  /** Said beside it. */
  said: string;
}

/** Parts of a change, from zero to either side, in their order. */
export function Parts({ of, title, columns }: { of: readonly Part[]; title: string; columns: readonly Column<Part>[] }) {
  const x = scale(of.map(({ value }) => value));
  return (
    <Figure title={title} rows={of} columns={columns} id={(part) => part.label} height={of.length * ROW + 4}>
      <line className="axis" x1={x(0)} x2={x(0)} y1={0} y2={of.length * ROW} />
      {of.map((part, n) => (
        <g key={part.label} transform={`translate(0 ${n * ROW})`}>
          <title>{`${part.label}: ${part.said}`}</title>
          <text x={LABEL - 8} y={20} textAnchor="end">
            {cut(part.label)}
          </text>
          <rect className={part.value >= 0 ? "up" : "down"} x={Math.min(x(0), x(part.value))} y={7} width={Math.max(Math.abs(x(part.value) - x(0)), 1)} height={ROW - 14} rx={2} />
          <text className="soft" x={WIDTH - RIGHT + 10} y={20}>
            {part.said}
          </text>
        </g>
      ))}
    </Figure>
  );
}
