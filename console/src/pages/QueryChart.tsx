// The rows of a query, drawn: one column across, one of numbers up.
import { useMemo } from "react";
import { useWords } from "../i18n";
import { useAddress } from "../ui/address";
import { type Column, Empty, Panel } from "../ui/basics";
import { Bars } from "../ui/charts";
import { type Part, Parts } from "../ui/contrast";
import Plot from "../ui/Plot";

type Row = Record<string, unknown>;

/** Bars that one can read. */
const MAX_BARS = 60;

/** A number, also one that came as text because JSON's are too short for it. */
export function numberOf(value: unknown): number | null {
  const number = typeof value === "number" ? value : typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : null;
}
/** A time in seconds, of a value that looks like one. */
export function timeOf(value: unknown): number | null {
  if (typeof value !== "string" || !/^\d{4}-\d{2}-\d{2}/.test(value)) return null;
  const time = Date.parse(/[zZ]|[+-]\d{2}:?\d{2}$/.test(value) || value.length === 10 ? value : `${value.replace(" ", "T")}Z`);
  return Number.isNaN(time) ? null : time / 1000;
}
const all = (rows: readonly Row[], name: string, is: (value: unknown) => boolean) => rows.some((row) => row[name] != null) && rows.every((row) => row[name] == null || is(row[name]));

/** What can be drawn: columns of numbers go up, all others across; the first of each unless chosen. */
export function axesOf(rows: readonly Row[], names: readonly string[]): { up: string[]; across: string[]; times: string[] } {
  const numbers = names.filter((name) => all(rows, name, (value) => numberOf(value) !== null));
  const times = names.filter((name) => all(rows, name, (value) => timeOf(value) !== null));
  const others = names.filter((name) => !numbers.includes(name));
  return { up: numbers, across: [...others, ...numbers], times };
}

export default function QueryChart({ of, names }: { of: readonly Row[]; names: readonly string[] }) {
  const words = useWords();
  const own = words.asking;
  const [wantedAcross, setAcross] = useAddress("across");
  const [wantedUp, setUp] = useAddress("up");
  const [wantedShape, setShape] = useAddress("shape");
  const { up, across, times } = useMemo(() => axesOf(of, names), [of, names]);
  const y = wantedUp !== null && up.includes(wantedUp) ? wantedUp : (up.find((name) => name !== across[0]) ?? up[0]);
  const x = wantedAcross !== null && across.includes(wantedAcross) ? wantedAcross : across.find((name) => name !== y);
  const isTime = x !== undefined && times.includes(x);
  const shape = wantedShape ?? (isTime ? "line" : "bars");
  const points = useMemo(() => {
    if (x === undefined || y === undefined) return [];
    const at = isTime ? timeOf : numberOf;
    return of.flatMap((row) => [[at(row[x]), numberOf(row[y])] as const]).filter((point): point is readonly [number, number | null] => point[0] !== null).sort((one, other) => one[0] - other[0]);
  }, [of, x, y, isTime]);
  if (of.length === 0) return null;
  if (x === undefined || y === undefined) return <Panel title={own.chart}><Empty>{own.noChart}</Empty></Panel>;
  const title = own.title(y, x);
  const mayLine = isTime || up.includes(x);
  const bars = of.slice(0, MAX_BARS).map((row, place) => ({ label: `${row[x] ?? "null"}${names.length > 2 ? ` (${place + 1})` : ""}`, value: numberOf(row[y]) ?? 0 }));
  const parts = bars.map((bar) => ({ ...bar, said: String(bar.value) }));
  const columns: Column<Part>[] = [
    { name: x, cell: (part) => part.label, text: (part) => part.label },
    { name: y, isNumber: true, cell: (part) => part.said, text: (part) => part.said },
  ];
  const pick = (label: string, value: string, change: (value: string) => void, options: readonly (readonly [string, string])[]) => (
    <label>
      {label}
      <select value={value} onChange={(event) => change(event.target.value)}>
        {options.map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
  const same = (names: readonly string[]) => names.map((name) => [name, name] as const);
  return (
    <Panel title={own.chart}>
      <div className="bar">
        {pick(own.across, x, setAcross, same(across))}
        {pick(own.up, y, setUp, same(up))}
        {mayLine && pick(own.shape, shape, setShape, [["line", own.line], ["bars", own.bars]])}
        {of.length > MAX_BARS && !(mayLine && shape === "line") && <span className="soft small">{own.first(MAX_BARS)}</span>}
      </div>
      {mayLine && shape === "line" ? (
        <Plot title={title} times={points.map(([at]) => at)} lines={[{ label: y, values: points.map(([, value]) => value) }]} format={(value) => Number(value.toPrecision(5)).toString()} {...(isTime ? {} : { counts: x })} />
      ) : bars.some(({ value }) => value < 0) ? (
        <Parts title={title} of={parts} columns={columns} />
      ) : (
        <Bars title={title} of={bars} />
      )}
    </Panel>
  );
}
