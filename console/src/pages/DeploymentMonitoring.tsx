// A deployment's traffic against its reference: column by column over time, one column closely, data quality,
// how old things are, what was said.
import { useMemo, useState } from "react";
import type { Schemas } from "../api/client";
import { useSession } from "../api/queries";
import { useBackfill, useMonitoring, useWindows } from "../api/watch";
import { useLanguage, useWords } from "../i18n";
import { useSetting } from "../settings";
import { may } from "../shell/App";
import { rangeOf, shown } from "../time";
import { useAddress } from "../ui/address";
import { Badge, type Column, csv, Empty, Facts, Loaded, Panel, save, Table, type Tone, When, Wrong } from "../ui/basics";
import { addedUp, pairs } from "../ui/cells";
import { Pairs } from "../ui/figures";
import { type HeatCell, HeatMap, type HeatRow } from "../ui/HeatMap";
import Plot, { type Line } from "../ui/Plot";
import { RangePicker } from "../ui/Range";
import { Views } from "../ui/views";
import { Explained, Standings } from "./DeploymentExplained";

type Window = Schemas["MonitoredWindow"];
type Seen = Schemas["MonitoredColumn"];
const TONES: Record<Schemas["WatchState"], Tone> = { no_reference: "warn", not_enough_data: "idle", steady: "good", moved: "bad" };
const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
const short = (value: number) => Number(value.toPrecision(3)).toString();
/** A column within a slice has a name of its own. */
const idOf = ({ name, slice }: Pick<Seen, "name" | "slice">) => (slice ? `${name} · ${slice}` : name);

export default function DeploymentMonitoring({ name }: { name: string }) {
  const words = useWords().watch.monitoring;
  const monitoring = useMonitoring(name);
  const [range, setRange] = useAddress("range");
  const [column, setColumn] = useAddress("column");
  const [now] = useState(() => Date.now());
  const times = rangeOf(range ?? "30d", now);
  const windows = useWindows(name, times);
  return (
    <Loaded of={monitoring}>
      {(found) => (
        <>
          <Standing of={found} name={name} />
          <Panel>
            <div className="bar">
              <RangePicker value={range ?? "30d"} change={setRange} now={now} />
              <Views />
            </div>
            <Loaded of={windows}>
              {({ items }) =>
                items.length === 0 ? (
                  <Empty>{found.state === "no_reference" ? words.noReference : words.noWindows}</Empty>
                ) : (
                  <Heat of={items} chosen={column} choose={setColumn} />
                )
              }
            </Loaded>
          </Panel>
          {column !== null && <Closely name={name} column={column} times={times} />}
          {windows.data && windows.data.items.length > 0 && <Traffic of={windows.data.items} />}
          {found.reference && <Explained name={name} />}
          <Standings of={found} choose={setColumn} />
          <Signals of={found.signals} choose={setColumn} />
        </>
      )}
    </Loaded>
  );
}

function Standing({ of, name }: { of: Schemas["Monitoring"]; name: string }) {
  const { watch: words, common } = useWords();
  const own = words.monitoring;
  const session = useSession().data;
  const backfill = useBackfill(name);
  const counting = of.backfill && !of.backfill.is_over ? of.backfill : null;
  return (
    <div className="two">
      <Panel title={own.tab} aside={may(session, "Watch") && <button type="button" disabled={backfill.isPending || counting !== null} onClick={() => backfill.mutate(undefined)}>{own.backfill}</button>}>
        <div className="stack">
          <div>
            <Badge tone={TONES[of.state]}>{own.states[of.state]}</Badge> {of.version != null && <span className="soft">{common.version} {of.version}</span>}
          </div>
          {of.state === "no_reference" && <div className="note warn">{own.noReference}</div>}
          {of.state === "not_enough_data" && <div className="note">{own.notEnough}</div>}
          {counting && <div role="status">{own.backfilling(counting.done, counting.all)}</div>}
          {of.backfill?.error && <div className="note bad">{of.backfill.error}</div>}
          {backfill.error !== null && <Wrong error={backfill.error} />}
        </div>
      </Panel>
      <Panel title={own.reference}>
        {of.reference ? (
          <Facts
            of={[
              [own.origin, of.reference.origin],
              [own.rows, of.reference.rows.toLocaleString()],
              [own.made, <When key="m" at={of.reference.made_at} />],
              [own.window, of.reference.window_rows ? own.byRows(of.reference.window_rows) : own.bySeconds(of.reference.window_seconds ?? 0)],
              [own.minRows, of.reference.min_rows.toLocaleString()],
              [own.tolerance, of.reference.tolerance],
              [own.budget, of.reference.alerts_per_month],
            ]}
          />
        ) : (
          <Empty>{own.noReference}</Empty>
        )}
      </Panel>
    </div>
  );
}

interface Summed {
  id: string;
  name: string;
  kind: Seen["kind"];
  furthest: Seen | null;
  last: Seen | null;
  enough: number;
  told: number;
}

function Heat({ of, chosen, choose }: { of: readonly Window[]; chosen: string | null; choose: (name: string) => void }) {
  const { watch: words, chart } = useWords();
  const own = words.monitoring;
  const language = useLanguage();
  const [zone] = useSetting("zone");
  const { rows, sums } = useMemo(() => heat(of), [of]);
  const when = (place: number) => `${shown(of[place]?.from ?? "", zone, language)} – ${shown(of[place]?.until ?? "", zone, language)}`;
  const says = (row: number, place: number) => {
    const id = rows[row]?.id ?? "";
    const seen = of[place]?.columns.find((column) => idOf(column) === id);
    if (!seen) return `${when(place)}: –`;
    const marks = [seen.is_drift_told && own.isTold, seen.is_quality_told && own.isQuality].filter(Boolean).join(", ");
    return `${when(place)}. ${seen.is_enough ? own.cell(id, short(seen.distance), short(seen.tolerance)) : `${id}: ${own.few}`}${marks ? ` · ${marks}` : ""}`;
  };
  const columns: Column<Summed>[] = [
    { name: own.column, cell: (row) => row.id, text: (row) => row.id },
    { name: words.findings.kind, cell: (row) => own[row.kind], text: (row) => row.kind },
    { name: own.furthest, isNumber: true, cell: (row) => (row.furthest ? short(row.furthest.distance) : own.few), text: (row) => String(row.furthest?.distance ?? "") },
    { name: own.tolerance, isNumber: true, cell: (row) => (row.furthest ? short(row.furthest.tolerance) : "–"), text: (row) => String(row.furthest?.tolerance ?? "") },
    { name: own.last, isNumber: true, cell: (row) => (row.last?.is_enough ? short(row.last.distance) : own.few), text: (row) => String(row.last?.is_enough ? row.last.distance : "") },
    { name: own.windows, isNumber: true, cell: (row) => `${row.enough} / ${of.length}`, text: (row) => String(row.enough) },
    { name: own.toldIn, isNumber: true, cell: (row) => row.told, text: (row) => String(row.told) },
    { name: "", cell: (row) => <button type="button" onClick={() => choose(row.name)} aria-label={`${own.show}: ${row.id}`}>{own.show}</button> },
  ];
  const cells = of.flatMap((window) => window.columns.map((column) => ({ window, column })));
  const all: Column<(typeof cells)[number]>[] = [
    { name: "from", cell: () => null, text: ({ window }) => window.from },
    { name: "until", cell: () => null, text: ({ window }) => window.until },
    { name: "column", cell: () => null, text: ({ column }) => idOf(column) },
    { name: "is_enough", cell: () => null, text: ({ column }) => String(column.is_enough) },
    ...(["values", "distance", "tolerance", "psi", "missing", "outside"] as const).map((name) => ({ name, cell: () => null, text: ({ column }: (typeof cells)[number]) => (column.is_enough || name === "values" ? String(column[name]) : "") })),
  ];
  return (
    <>
      <HeatMap title={own.heat} rows={rows} columns={of.length} chosen={rows.find((row) => row.id === chosen || row.id.startsWith(`${chosen} · `))?.id ?? null} choose={(id) => choose(sums.find((sum) => sum.id === id)?.name ?? id)} says={says} />
      <details className="small" open={of.length < 3}>
        <summary>{chart.table}</summary>
        <button type="button" onClick={() => save("drift.csv", "text/csv", csv(cells, all))}>CSV</button>
        <Table label={own.heatTable} of={sums} id={(row) => row.id} columns={columns} />
      </details>
    </>
  );
}

/** Rows of the picture, what is furthest beyond its tolerance first; and what is said of each. */
function heat(of: readonly Window[]): { rows: HeatRow[]; sums: Summed[] } {
  const found = new Map<string, { sum: Summed; cells: (HeatCell | null)[] }>();
  of.forEach((window, place) => {
    for (const column of window.columns) {
      const id = idOf(column);
      const held = found.get(id) ?? { sum: { id, name: column.name, kind: column.kind, furthest: null, last: null, enough: 0, told: 0 }, cells: of.map(() => null) };
      held.cells[place] = { ratio: column.is_enough ? column.distance / Math.max(column.tolerance, 1e-9) : null, isTold: column.is_drift_told, isQuality: column.is_quality_told };
      held.sum.last = column;
      if (column.is_enough) {
        held.sum.enough += 1;
        if (!held.sum.furthest || column.distance - column.tolerance > held.sum.furthest.distance - held.sum.furthest.tolerance) held.sum.furthest = column;
      }
      if (column.is_drift_told || column.is_quality_told) held.sum.told += 1;
      found.set(id, held);
    }
  });
  const over = ({ furthest }: Summed) => (furthest ? furthest.distance - furthest.tolerance : Number.NEGATIVE_INFINITY);
  const sorted = [...found.values()].sort((one, other) => over(other.sum) - over(one.sum));
  return { rows: sorted.map(({ sum, cells }) => ({ id: sum.id, name: sum.id, cells })), sums: sorted.map(({ sum }) => sum) };
}

const seconds = (of: readonly Window[]) => of.map((window) => Date.parse(window.from) / 1000);

/** One column: its distribution in this time beside the reference, and over time. */
function Closely({ name, column, times }: { name: string; column: string; times: { since: string | null; until: string | null } }) {
  const { watch: words, common } = useWords();
  const own = words.monitoring;
  const windows = useWindows(name, { ...times, column });
  const [slice, setSlice] = useAddress("slice");
  return (
    <Loaded of={windows}>
      {({ items, reference = [] }) => {
        const slices = reference.flatMap((held) => (held.slice ? [held.slice] : []));
        const isSame = (held: { slice?: string | null }) => (held.slice ?? null) === slice;
        const seen = items.flatMap((window) => window.columns.filter((own) => own.name === column && isSame(own)).map((column) => ({ window, column })));
        const enough = seen.filter(({ column }) => column.is_enough);
        const held = reference.find(isSame);
        const counted = enough.filter(({ column }) => (column.cells?.length ?? 0) > 0);
        return (
          <Panel
            title={column}
            aside={
              slices.length > 0 && (
                <label>
                  {words.performance.slice}
                  <select value={slice ?? ""} onChange={(event) => setSlice(event.target.value)}>
                    <option value="">{common.all}</option>
                    {slices.map((text) => (
                      <option key={text}>{text}</option>
                    ))}
                  </select>
                </label>
              )
            }
          >
            {enough.length === 0 || !held ? (
              <Empty>{own.noDistribution}</Empty>
            ) : counted.length === 0 ? (
              <div className="note warn">{own.beforeCells}</div>
            ) : (
              <>
                <Pairs title={own.distribution(column)} of={pairs(held, addedUp(counted.map(({ column }) => column.cells ?? [])), { below: own.below0, above: own.above0, others: own.others })} />
                <p className="small soft">{own.distributionHint(counted.length, items.length)}</p>
              </>
            )}
            {seen.length > 0 && <Over of={seen} column={column} />}
          </Panel>
        );
      }}
    </Loaded>
  );
}

function Over({ of, column }: { of: readonly { window: Window; column: Seen }[]; column: string }) {
  const own = useWords().watch.monitoring;
  const times = useMemo(() => seconds(of.map(({ window }) => window)), [of]);
  const lines = useMemo(() => {
    const line = (label: string, value: (column: Seen) => number | null): Line => ({ label, values: of.map(({ column }) => value(column)) });
    return {
      drift: [
        line(own.distance, (seen) => (seen.is_enough ? seen.distance : null)),
        line(own.tolerance, (seen) => seen.tolerance),
        line(own.psi, (seen) => (seen.is_enough ? seen.psi : null)),
      ],
      quality: [line(own.missing, (seen) => seen.missing), line(own.outside, (seen) => seen.outside)],
    };
  }, [of, own]);
  return (
    <>
      <Plot title={own.over(column)} times={times} lines={lines.drift} format={short} />
      <Plot title={own.quality(column)} times={times} lines={lines.quality} format={percent} height={160} />
    </>
  );
}

/** What came in and what was refused, window by window, and the data quality of all of it. */
function Traffic({ of }: { of: readonly Window[] }) {
  const own = useWords().watch.monitoring;
  const times = useMemo(() => seconds(of), [of]);
  const lines = useMemo(() => {
    const names = [...new Set(of.flatMap((window) => Object.keys(window.reasons)))].slice(0, 5);
    const line = (label: string, value: (window: Window) => number): Line => ({ label, values: of.map(value) });
    return {
      traffic: [line(own.requests, (window) => window.requests), line(own.rowsIn, (window) => window.rows), line(own.flags, (window) => window.flags)],
      refusals: names.map((name) => line(name, (window) => window.reasons[name] ?? 0)),
      quality: [line(own.outsideAll, (window) => window.outside)],
    };
  }, [of, own]);
  return (
    <Panel>
      <Plot title={own.traffic} times={times} lines={lines.traffic} format={String} height={170} />
      {lines.refusals.length > 0 && <Plot title={own.refusals} times={times} lines={lines.refusals} format={String} height={150} />}
      <Plot title={own.qualityAll} times={times} lines={lines.quality} format={percent} height={150} />
    </Panel>
  );
}

function Signals({ of, choose }: { of: readonly Schemas["MonitoringSignal"][]; choose: (column: string) => void }) {
  const { watch: words } = useWords();
  const own = words.monitoring;
  const kinds = words.kind as Record<string, string>;
  return (
    <Panel title={own.signals}>
      {of.length === 0 ? (
        <Empty>{own.noSignals}</Empty>
      ) : (
        <Table
          label={own.signals}
          of={of}
          id={(row) => `${row.kind} ${row.about} ${row.slice ?? ""} ${row.until}`}
          columns={[
            { name: words.findings.kind, cell: (row) => kinds[row.kind] ?? row.kind },
            { name: words.findings.severity, cell: (row) => (words.severity as Record<string, string>)[row.severity] ?? row.severity },
            {
              name: words.findings.about,
              cell: (row) => (
                <button type="button" className="plain" onClick={() => choose(row.about)}>
                  {row.about}
                  {row.slice ? ` (${row.slice})` : ""}
                </button>
              ),
            },
            { name: words.findings.inWindow, cell: (row) => <><When at={row.since} /> – <When at={row.until} /></> },
            { name: words.findings.text, cell: (row) => <span className="small">{row.text}</span> },
          ]}
        />
      )}
    </Panel>
  );
}
