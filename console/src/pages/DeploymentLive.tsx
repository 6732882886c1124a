// A deployment as decisions pass it: traffic by version, latency by phase, what the model answers, what is
// refused and why.
import { useEffect, useMemo } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";
import { added, type LiveSecond, type LiveState, useLive } from "../api/live";
import { useRefused, useSession } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { duration } from "../time";
import { Badge, Empty, Loaded, Panel, Table, type Tone } from "../ui/basics";
import { Columns } from "../ui/charts";
import Plot, { type Line } from "../ui/Plot";
import { useDecisionColumns } from "../ui/words";

const TONES: Record<LiveState, Tone> = { connecting: "warn", open: "good", ended: "bad" };
/** Seconds that a share or rate is taken over. */
const LATELY = 60;

export default function DeploymentLive({ name }: { name: string }) {
  const words = useWords();
  const { seconds, state } = useLive(name);
  const times = useMemo(() => seconds.map(({ time }) => Date.parse(time) / 1000), [seconds]);
  return (
    <>
      <p>
        <Badge tone={TONES[state]}>{words.live[state]}</Badge> <span className="soft">{words.live.since(seconds.length)}</span>
      </p>
      {state === "ended" && <div className="note bad">{words.live.over}</div>}
      <Figures of={seconds} />
      <Panel>
        <Traffic of={seconds} times={times} />
      </Panel>
      <Panel>
        <Latency of={seconds} times={times} />
      </Panel>
      <div className="two">
        <Phases of={seconds} />
        <Scores of={seconds} />
      </div>
      <Refusals of={seconds} name={name} />
    </>
  );
}

const total = (of: LiveSecond, only?: string) => of.traffic.reduce((sum, kind) => (only === undefined || kind.result === only ? sum + kind.count : sum), 0);

function Figures({ of }: { of: readonly LiveSecond[] }) {
  const words = useWords().live;
  const lately = of.slice(-LATELY);
  const all = lately.reduce((sum, second) => sum + total(second), 0);
  const refused = lately.reduce((sum, second) => sum + total(second, "refused"), 0);
  const slow = Math.max(0, ...lately.map((second) => second.total?.p99 ?? 0));
  const figure = (name: string, value: string) => (
    <section className="panel" key={name}>
      <div className="soft">{name}</div>
      <div className="figure">{value}</div>
    </section>
  );
  return (
    <div className="grid">
      {figure(words.rate, lately.length === 0 ? "–" : `${(all / lately.length).toFixed(1)} /s`)}
      {figure(words.refusedShare, all === 0 ? "–" : `${((100 * refused) / all).toFixed(1)} %`)}
      {figure(words.slowest, slow === 0 ? "–" : duration(slow))}
    </div>
  );
}

/** A line for each kind of traffic that was seen: version and result. */
function Traffic({ of, times }: { of: readonly LiveSecond[]; times: number[] }) {
  const words = useWords();
  const lines = useMemo(() => {
    const found = new Map<string, number[]>();
    of.forEach((second, place) => {
      for (const { version, result, route, count } of second.traffic) {
        const of = version == null ? words.live.unplanned : `${words.common.version} ${version}`;
        const label = `${of}${route == null || route === "primary" ? "" : ` (${route})`}: ${words.result[result]}`;
        const values = found.get(label) ?? new Array<number>(times.length).fill(0);
        values[place] = (values[place] ?? 0) + count;
        found.set(label, values);
      }
    });
    return [...found].map(([label, values]): Line => ({ label, values }));
  }, [of, times, words]);
  return <Plot title={words.live.traffic} times={times} lines={lines} format={String} />;
}

const PERCENTILES = ["p50", "p95", "p99"] as const;

function Latency({ of, times }: { of: readonly LiveSecond[]; times: number[] }) {
  const words = useWords().live;
  const lines = useMemo(() => PERCENTILES.map((label): Line => ({ label, values: of.map((second) => second.total?.[label] ?? null) })), [of]);
  return <Plot title={words.latency} times={times} lines={lines} format={duration} />;
}

/** Percentiles cannot be added up: of each phase the worst second is told. */
function Phases({ of }: { of: readonly LiveSecond[] }) {
  const words = useWords();
  const rows = useMemo(() => {
    const found = new Map<string, { count: number; p50: number; p95: number; p99: number }>();
    for (const { phase, count, ...times } of of.slice(-LATELY).flatMap(({ phases }) => phases)) {
      const held = found.get(phase) ?? { count: 0, p50: 0, p95: 0, p99: 0 };
      held.count += count;
      for (const name of PERCENTILES) held[name] = Math.max(held[name], times[name]);
      found.set(phase, held);
    }
    return [...found];
  }, [of]);
  return (
    <Panel title={words.live.phases}>
      {rows.length === 0 ? (
        <Empty>{words.live.nothing}</Empty>
      ) : (
        <Table
          label={words.live.phases}
          of={rows}
          id={([phase]) => phase}
          columns={[
            { name: words.live.phase, cell: ([phase]) => phase },
            ...PERCENTILES.map((name) => ({ name, cell: ([, times]: (typeof rows)[number]) => duration(times[name]), isNumber: true })),
            { name: words.live.count, cell: ([, times]) => times.count.toLocaleString(), isNumber: true },
          ]}
        />
      )}
      <p className="small soft">{words.live.worst}</p>
    </Panel>
  );
}

function Scores({ of }: { of: readonly LiveSecond[] }) {
  const words = useWords().live;
  const sum = useMemo(() => added(of.flatMap(({ scores }) => (scores ? [scores] : []))), [of]);
  const width = 2 ** (sum?.exponent ?? 0);
  const shown = (value: number) => Number(value.toPrecision(4)).toString();
  return (
    <Panel title={words.scores}>
      {sum === null ? (
        <Empty>{words.noScores}</Empty>
      ) : (
        <Columns
          title={words.scores}
          of={sum.counts.map((value, place) => ({ label: `${shown((sum.first + place) * width)} … ${shown((sum.first + place + 1) * width)}`, value }))}
        />
      )}
    </Panel>
  );
}

function Refusals({ of, name }: { of: readonly LiveSecond[]; name: string }) {
  const words = useWords();
  const session = useSession().data;
  const rows = useMemo(() => {
    const found = new Map<string, { phase: string; code: string; field: string; count: number; last: string }>();
    for (const second of of) {
      for (const { phase, code, field, count } of second.refusals) {
        const key = `${phase} ${code} ${field ?? ""}`;
        const held = found.get(key) ?? { phase, code, field: field ?? "", count: 0, last: "" };
        found.set(key, { ...held, count: held.count + count, last: second.time });
      }
    }
    return [...found.values()].sort((one, other) => other.count - one.count);
  }, [of]);
  const count = rows.reduce((sum, row) => sum + row.count, 0);
  return (
    <Panel
      title={words.live.refusals}
      aside={
        <Link className="button" href={`/decisions?deployment=${encodeURIComponent(name)}&result=refused`}>
          {words.live.allRefused}
        </Link>
      }
    >
      {rows.length === 0 ? (
        <Empty>{words.live.noRefusals}</Empty>
      ) : (
        <Table
          label={words.live.refusals}
          of={rows}
          id={(row) => `${row.phase} ${row.code} ${row.field}`}
          columns={[
            { name: words.live.phase, cell: (row) => row.phase },
            { name: words.decision.code, cell: (row) => <code>{row.code}</code> },
            { name: words.decision.field, cell: (row) => (row.field ? <code>{row.field}</code> : "–") },
            { name: words.live.count, cell: (row) => row.count.toLocaleString(), isNumber: true },
          ]}
        />
      )}
      {may(session, "ListDecisions") && <Latest name={name} count={count} />}
    </Panel>
  );
}

/** The decisions that were refused last; asked for again when one more is. */
function Latest({ name, count }: { name: string; count: number }) {
  const words = useWords();
  const queries = useQueryClient();
  const latest = useRefused(name);
  const columns = useDecisionColumns();
  // biome-ignore: the count says that there is something new.
  useEffect(() => {
    void queries.invalidateQueries({ queryKey: ["refused", name] });
  }, [count, name, queries]);
  return (
    <Loaded of={latest}>{({ items }) => (items.length === 0 ? null : <Table label={words.live.lastRefused} of={items} id={(row) => row.id} columns={columns} />)}</Loaded>
  );
}
