// How good answers were: realized by window and slice with intervals, estimated beside it, calibration, the counts
// and lag of outcomes.
import { useMemo, useState } from "react";
import type { Schemas } from "../api/client";
import { useContract, useDeployment, useSession } from "../api/queries";
import { usePerformance } from "../api/watch";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { rangeOf } from "../time";
import { useAddress } from "../ui/address";
import { Badge, type Column, csv, Empty, Loaded, Panel, save, Table, When } from "../ui/basics";
import { Calibration, Intervals } from "../ui/figures";
import Plot, { type Line } from "../ui/Plot";
import { RangePicker } from "../ui/Range";
import { Tell } from "./Outcomes";

type Window = Schemas["PerformanceWindow"];
const WINDOWS = ["1h", "6h", "1d", "7d", "30d"];
const short = (value: number) => Number(value.toPrecision(4)).toString();
const share = (part: number, all: number) => (all === 0 ? "–" : `${((part / all) * 100).toFixed(1)} %`);

/** The slice keys that a deployment's contract declares. */
export function useSlices(name: string): string[] {
  const session = useSession().data;
  const digest = useDeployment(name).data?.contract;
  const contract = useContract(may(session, "ReadContract") ? digest : undefined);
  const slices = contract.data?.contract.map?.slices ?? [];
  return slices.flatMap((source) => (source.field ? [source.field] : source.header ? [source.header] : []));
}

export default function DeploymentPerformance({ name }: { name: string }) {
  const { watch: words } = useWords();
  const own = words.performance;
  const session = useSession().data;
  const [range, setRange] = useAddress("range");
  const [length, setLength] = useAddress("window");
  const [slice, setSlice] = useAddress("by");
  const [outcome, setOutcome] = useAddress("outcome");
  const [threshold, setThreshold] = useAddress("threshold");
  const [now] = useState(() => Date.now());
  const slices = useSlices(name);
  const performance = usePerformance(name, { ...rangeOf(range ?? "30d", now), window: length, slice, outcome, threshold });
  return (
    <>
      <Panel>
        <div className="bar">
          <RangePicker value={range ?? "30d"} change={setRange} now={now} />
          <label>
            {own.windowLength}
            <select value={length ?? ""} onChange={(event) => setLength(event.target.value)}>
              <option value="">{own.whole}</option>
              {WINDOWS.map((key) => (
                <option key={key}>{key}</option>
              ))}
            </select>
          </label>
          <label>
            {own.slice}
            <select value={slice ?? ""} onChange={(event) => setSlice(event.target.value)}>
              <option value="">{own.noSlice}</option>
              <option value="version">{own.byVersion}</option>
              {slices.map((key) => (
                <option key={key}>{key}</option>
              ))}
            </select>
          </label>
          <label>
            {own.outcome}
            <input value={outcome ?? ""} placeholder={own.outcomeHint} onChange={(event) => setOutcome(event.target.value)} />
          </label>
          <label>
            {own.threshold}
            <input type="number" min={0} max={1} step={0.01} value={threshold ?? ""} placeholder="0.5" onChange={(event) => setThreshold(event.target.value)} />
          </label>
        </div>
        <Loaded of={performance}>{(found) => <Measured of={found} />}</Loaded>
      </Panel>
      {performance.data && (
        <Panel>
          {(performance.data.reliability?.length ?? 0) === 0 ? (
            <Empty>{own.noCalibration}</Empty>
          ) : (
            <>
              <p className="small soft">{own.calibrationHint}</p>
              <div className="calibration">
                <Calibration title={own.calibration} of={performance.data.reliability ?? []} />
              </div>
            </>
          )}
        </Panel>
      )}
      {may(session, "RecordOutcomes") ? <Tell what="outcomes" /> : <p className="note">{own.mayNot}</p>}
      {may(session, "RecordAttributes") && <Tell what="attributes" />}
    </>
  );
}

function Measured({ of }: { of: Schemas["Performance"] }) {
  const { watch: words } = useWords();
  const own = words.performance;
  const [metric, setMetric] = useAddress("metric");
  const names = useMemo(() => [...new Set(of.windows.flatMap((window) => [...window.metrics, ...(window.estimated ?? [])].map(({ name }) => name)))], [of]);
  const chosen = metric ?? names[0] ?? null;
  const all = of.windows.filter((window) => !window.slice);
  const known = all.reduce((sum, window) => sum + window.known, 0);
  if (all.every((window) => window.answers === 0)) return <Empty>{own.empty}</Empty>;
  return (
    <>
      {of.is_cut && <div className="note warn">{own.cut}</div>}
      {known === 0 && <div className="note">{own.noOutcomes}</div>}
      {of.not_estimated && (
        <p className="small soft">
          {own.notEstimated}: {of.not_estimated}
        </p>
      )}
      {names.length > 0 && (
        <div className="bar">
          <label>
            {own.metric}
            <select value={chosen ?? ""} onChange={(event) => setMetric(event.target.value)}>
              {names.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        </div>
      )}
      {chosen !== null && <Over of={all} metric={chosen} />}
      {chosen !== null && <Slices of={of.windows} metric={chosen} />}
      <Windows of={of} metric={chosen} />
    </>
  );
}

/** A measure window by window: realized with its interval, and as it is estimated. */
function Over({ of, metric }: { of: readonly Window[]; metric: string }) {
  const own = useWords().watch.performance;
  const times = useMemo(() => of.map((window) => Date.parse(window.from) / 1000), [of]);
  const lines = useMemo(() => {
    const measured = of.map((window) => window.metrics.find(({ name }) => name === metric));
    const estimated = of.map((window) => window.estimated?.find(({ name }) => name === metric)?.value ?? null);
    const line = (label: string, values: (number | null)[]): Line => ({ label, values });
    return [
      line(own.realized, measured.map((one) => one?.value ?? null)),
      line(own.lower, measured.map((one) => one?.lower ?? null)),
      line(own.upper, measured.map((one) => one?.upper ?? null)),
      line(own.estimated, estimated),
    ].filter(({ values }) => Array.from(values).some((value) => value !== null));
  }, [of, metric, own]);
  if (of.length < 2 || lines.length === 0) return null;
  return <Plot title={own.over(metric)} times={times} lines={lines} format={short} />;
}

/** The newest window, part by part. */
function Slices({ of, metric }: { of: readonly Window[]; metric: string }) {
  const { watch: words, common } = useWords();
  const last = of.filter((window) => window.is_enough).at(-1)?.from;
  const rows = of
    .filter((window) => window.from === last)
    .flatMap((window) => window.metrics.filter(({ name }) => name === metric).map(({ value, lower, upper }) => ({ label: window.slice ?? common.all, value, lower, upper })));
  if (rows.length === 0 || (rows.length === 1 && rows[0]?.lower == null)) return null;
  return <Intervals title={`${metric}: ${words.performance.windows}`} of={rows} format={short} />;
}

function Windows({ of, metric }: { of: Schemas["Performance"]; metric: string | null }) {
  const { watch: words, common } = useWords();
  const own = words.performance;
  const measured = (window: Window) => window.metrics.find(({ name }) => name === metric);
  const estimated = (window: Window) => window.estimated?.find(({ name }) => name === metric);
  const columns: Column<Window>[] = [
    { name: own.from, cell: (row) => <When at={row.from} />, text: (row) => row.from },
    { name: own.slice, cell: (row) => row.slice ?? common.all, text: (row) => row.slice ?? "" },
    { name: own.answers, isNumber: true, cell: (row) => row.answers.toLocaleString(), text: (row) => String(row.answers) },
    { name: own.known, isNumber: true, cell: (row) => row.known.toLocaleString(), text: (row) => String(row.known) },
    { name: own.share, isNumber: true, cell: (row) => share(row.known, row.answers) },
    { name: own.lag, cell: (row) => <When at={row.last_outcome} />, text: (row) => row.last_outcome ?? "" },
    {
      name: metric ?? own.metric,
      isNumber: true,
      cell: (row) => {
        const one = measured(row);
        if (!row.is_enough || !one) return <span className="soft">{own.few(of.least)}</span>;
        return `${short(one.value)}${one.lower != null && one.upper != null ? ` (${short(one.lower)} … ${short(one.upper)})` : ""}`;
      },
      text: (row) => String(measured(row)?.value ?? ""),
    },
    { name: own.lower, cell: (row) => (measured(row)?.lower == null ? "–" : short(measured(row)?.lower as number)), isNumber: true, text: (row) => String(measured(row)?.lower ?? "") },
    { name: own.upper, cell: (row) => (measured(row)?.upper == null ? "–" : short(measured(row)?.upper as number)), isNumber: true, text: (row) => String(measured(row)?.upper ?? "") },
    { name: own.estimated, cell: (row) => (estimated(row) ? short(estimated(row)?.value as number) : "–"), isNumber: true, text: (row) => String(estimated(row)?.value ?? "") },
  ];
  return (
    <>
      <div className="bar">
        <h3>{own.windows}</h3>
        <Badge>{of.task}</Badge>
        <button type="button" onClick={() => save("performance.csv", "text/csv", csv(of.windows, columns))}>{common.exportCsv}</button>
      </div>
      <Table label={own.windows} of={of.windows} id={(row) => `${row.from} ${row.slice ?? ""}`} columns={columns} />
    </>
  );
}
