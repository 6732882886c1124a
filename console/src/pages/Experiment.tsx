// One experiment: its arms, what each metric says of them at any time, whether the split is as declared, and the
// decision with its reason.
import { lazy, Suspense, useState } from "react";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useConclude, useExperiment, useExperimentReport, useStopArm } from "../api/experiments";
import { useSession } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Badge, type Column, Empty, Facts, Head, Loaded, Panel, Short, Skeleton, Table, type Tone, When } from "../ui/basics";
import { Asked, gatePath, Lacks, odds, period, Reason } from "../ui/release";
import { ExperimentPhase } from "./Experiments";

// Charts are loaded when there is something to draw.
const Course = lazy(() => import("./ExperimentCourse"));

type Of = { of: Schemas["Experiment"] };
type Report = Schemas["ExperimentReport"];
type Metric = Schemas["ReportedMetric"];

const SAYS: Record<Schemas["MetricSays"], Tone> = { better: "good", worse: "bad", same: "idle", unclear: "warn" };
const ADVICE: Record<Schemas["ExperimentAdvice"], string> = { ship: "good", keep: "", go_on: "", look: "bad" };

/** Numbers of a metric, for people: shares in percent. */
export function formatOf(definition: Schemas["StartExperiment"], name: string): (value: number) => string {
  const metric = definition.metrics.find((one) => one.name === name);
  const isShare = metric?.kind === "positive" || (metric?.kind === "outcome" && typeof metric.positive === "string");
  return (value) => (isShare ? `${Number((value * 100).toPrecision(3))} %` : Number(value.toPrecision(4)).toString());
}
const signed = (format: (value: number) => string) => (value: number) => `${value > 0 ? "+" : ""}${format(value)}`;

export default function Experiment({ name, id }: { name: string; id: string }) {
  const words = useWords().trials;
  const session = useSession().data;
  const experiment = useExperiment(name, id);
  const mayRead = may(session, "ReadPerformance");
  const report = useExperimentReport(name, id, mayRead);
  return (
    <Loaded of={experiment}>
      {(of) => (
        <>
          <Head
            title={
              <>
                {words.title}: <Link href={`/deployments/${encodeURIComponent(name)}`}>{name}</Link>
              </>
            }
          >
            <ExperimentPhase of={of.phase} />
            {of.phase === "running" && may(session, "RollBack") && <StopArm of={of} />}
            {of.phase === "running" && may(session, "RollBack") && <Conclude of={of} leader={report.data?.leader ?? null} />}
          </Head>
          {mayRead ? (
            <Loaded of={report}>{(found) => <Reported of={of} report={found} />}</Loaded>
          ) : (
            <>
              <p className="note">{words.lacking}</p>
              <Arms of={of} report={null} />
            </>
          )}
          <Declared of={of} />
          <History of={of} />
          {of.phase === "running" && <Lacks actions={["RollBack", "Release"]} />}
        </>
      )}
    </Loaded>
  );
}

function Reported({ of, report }: Of & { report: Report }) {
  const words = useWords();
  const own = words.trials;
  const primary = report.metrics.find(({ role }) => role === "primary");
  return (
    <>
      <Panel title={own.report} aside={<span className="soft small">{own.asOf} <When at={report.at} /></span>}>
        <div className={`note ${ADVICE[report.advice]}`} role="status">
          <strong>{own.advice[report.advice](report.leader ?? "")}</strong>
          <div>{own.person}</div>
        </div>
        {!report.is_complete && <p className="note warn">{own.incomplete(report.read_to.toLocaleString())}</p>}
        {report.misassigned > 0 && <p className="note bad">{own.misassigned(report.misassigned)}</p>}
        {report.left_out > 0 && <p className="note">{own.leftOut(report.left_out.toLocaleString())}</p>}
        <p className="soft small">{own.anyTime}</p>
      </Panel>
      <Arms of={of} report={report} />
      {primary && (
        <Panel>
          <Suspense fallback={<Skeleton />}>
            <Course of={of} report={report} metric={primary} format={signed(formatOf(of.definition, primary.name))} />
          </Suspense>
        </Panel>
      )}
      <Metrics of={of} report={report} />
      <Splits of={report} />
      {primary?.slices && primary.slices.length > 0 && <Slices of={of} metric={primary} />}
    </>
  );
}

function Arms({ of, report }: Of & { report: Report | null }) {
  const words = useWords();
  const own = words.trials;
  const assigned = report?.splits.find(({ what }) => what === "assigned")?.units;
  const rows = of.definition.arms.map((arm, place) => ({
    ...arm,
    place,
    requests: report?.arms[place]?.requests,
    units: assigned?.[place],
    stopped: of.stopped.find((one) => one.arm === arm.name),
  }));
  type Row = (typeof rows)[number];
  const columns: Column<Row>[] = [
    { name: own.arm, cell: (row) => <><strong>{row.name}</strong> {row.place === 0 && <Badge>{own.control}</Badge>}</>, text: (row) => row.name },
    { name: words.common.version, cell: (row) => <Link href={gatePath(of.deployment, row.version)}>{row.version}</Link>, text: (row) => String(row.version), isNumber: true },
    { name: own.share, cell: (row) => `${row.percent} %`, text: (row) => String(row.percent), isNumber: true },
    { name: own.requests, cell: (row) => row.requests?.toLocaleString() ?? "–", text: (row) => String(row.requests ?? ""), isNumber: true },
    { name: own.units, cell: (row) => row.units?.toLocaleString() ?? "–", text: (row) => String(row.units ?? ""), isNumber: true },
    { name: own.stopped, cell: (row) => (row.stopped ? <><Badge tone="bad">{row.stopped.why}</Badge> <When at={row.stopped.at} /></> : "–"), text: (row) => row.stopped?.why ?? "" },
  ];
  return (
    <Panel title={own.arms}>
      <Table of={rows} label={own.arms} id={(row) => row.name} columns={columns} />
    </Panel>
  );
}

function Metrics({ of, report }: Of & { report: Report }) {
  const own = useWords().trials;
  const rows = report.metrics.flatMap((metric) => metric.contrasts.map((contrast) => ({ metric, contrast, control: metric.arms[0], mean: metric.arms.find(({ arm }) => arm === contrast.arm), format: formatOf(of.definition, metric.name) })));
  type Row = (typeof rows)[number];
  const value = (row: Row, mean: number | null | undefined) => (mean == null ? "–" : row.format(mean));
  const columns: Column<Row>[] = [
    { name: own.metric, cell: ({ metric }) => <><strong>{metric.name}</strong> <span className="soft small">{own.role[metric.role]}</span></>, text: ({ metric }) => metric.name },
    { name: own.arm, cell: ({ contrast }) => contrast.arm, text: ({ contrast }) => contrast.arm },
    { name: own.units, cell: ({ control, mean }) => `${control?.units.toLocaleString() ?? 0} / ${mean?.units.toLocaleString() ?? 0}`, text: ({ mean }) => String(mean?.units ?? 0), isNumber: true },
    { name: own.inControl, cell: (row) => value(row, row.control?.mean), text: ({ control }) => String(control?.mean ?? ""), isNumber: true },
    { name: own.inArm, cell: (row) => value(row, row.mean?.mean), text: ({ mean }) => String(mean?.mean ?? ""), isNumber: true },
    { name: own.difference, cell: ({ contrast, format }) => (contrast.difference == null ? "–" : signed(format)(contrast.difference)), text: ({ contrast }) => String(contrast.difference ?? ""), isNumber: true },
    {
      name: own.interval,
      cell: ({ contrast, format }) => (contrast.lower == null || contrast.upper == null ? <span className="soft small">{own.few}</span> : `${signed(format)(contrast.lower)} … ${signed(format)(contrast.upper)} (${Number((contrast.confidence * 100).toPrecision(4))} %)`),
      text: ({ contrast }) => (contrast.lower == null ? "" : `${contrast.lower} … ${contrast.upper}`),
      isNumber: true,
    },
    { name: own.pValue, cell: ({ contrast }) => (contrast.p_value == null ? "–" : contrast.p_value.toPrecision(2)), text: ({ contrast }) => String(contrast.p_value ?? ""), isNumber: true },
    { name: own.varianceLeft, cell: ({ contrast }) => (contrast.variance_left == null ? "–" : `${Math.round(contrast.variance_left * 100)} %`), text: ({ contrast }) => String(contrast.variance_left ?? ""), isNumber: true },
    { name: "", cell: ({ contrast }) => <><Badge tone={SAYS[contrast.says]}>{own.says[contrast.says]}</Badge> {contrast.is_harm && <Badge tone="bad">{own.harm}</Badge>}</>, text: ({ contrast }) => contrast.says },
  ];
  return (
    <Panel title={own.metrics}>
      <Table of={rows} label={own.metrics} id={({ metric, contrast }) => `${metric.name} ${contrast.arm}`} columns={columns} />
    </Panel>
  );
}

function Splits({ of }: { of: Report }) {
  const own = useWords().trials;
  const columns: Column<Schemas["ReportedSplit"]>[] = [
    { name: own.units, cell: ({ what }) => own.what[what] ?? own.known(what), text: ({ what }) => what },
    ...of.arms.map(({ arm }, place) => ({ name: arm, isNumber: true, cell: (row: Schemas["ReportedSplit"]) => (row.units[place] ?? 0).toLocaleString(), text: (row: Schemas["ReportedSplit"]) => String(row.units[place] ?? 0) })),
    { name: own.evidence, isNumber: true, cell: ({ evidence }) => own.odds(odds(evidence)), text: ({ evidence }) => String(evidence) },
    { name: own.fromOn, isNumber: true, cell: ({ goal }) => own.odds(odds(goal)), text: ({ goal }) => String(goal) },
    { name: "", cell: ({ is_wrong }) => <Badge tone={is_wrong ? "bad" : "good"}>{is_wrong ? own.wrong : own.asDeclared}</Badge>, text: ({ is_wrong }) => String(is_wrong) },
  ];
  return (
    <Panel title={own.splits}>
      <Table of={of.splits} label={own.splits} id={({ what }) => what} columns={columns} />
    </Panel>
  );
}

function Slices({ of, metric }: Of & { metric: Metric }) {
  const own = useWords().trials;
  const format = signed(formatOf(of.definition, metric.name));
  const columns: Column<Schemas["ReportedSlice"]>[] = [
    { name: own.slice, cell: (row) => <span className="wraps">{`${row.key} = ${row.value}`}</span>, text: (row) => `${row.key} = ${row.value}` },
    { name: own.arm, cell: (row) => row.contrast.arm, text: (row) => row.contrast.arm },
    { name: own.units, isNumber: true, cell: (row) => row.units.toLocaleString(), text: (row) => String(row.units) },
    { name: own.difference, isNumber: true, cell: (row) => (row.contrast.difference == null ? "–" : format(row.contrast.difference)), text: (row) => String(row.contrast.difference ?? "") },
    { name: own.interval, isNumber: true, cell: (row) => (row.contrast.lower == null || row.contrast.upper == null ? "–" : `${format(row.contrast.lower)} … ${format(row.contrast.upper)}`), text: (row) => `${row.contrast.lower ?? ""} … ${row.contrast.upper ?? ""}` },
    { name: own.pAdjusted, isNumber: true, cell: (row) => row.p_adjusted.toPrecision(2), text: (row) => String(row.p_adjusted) },
    { name: "", cell: (row) => row.is_different && <Badge tone="warn">{own.differs}</Badge>, text: (row) => String(row.is_different) },
  ];
  return (
    <Panel title={own.slices}>
      <p className="soft small">{own.slicesHint}</p>
      <Table of={metric.slices ?? []} label={own.slices} id={(row) => `${row.key} ${row.value} ${row.contrast.arm}`} columns={columns} />
    </Panel>
  );
}

function Declared({ of }: Of) {
  const words = useWords();
  const own = words.trials;
  const { definition } = of;
  const told = (metric: Schemas["ExperimentMetric"]) =>
    [
      own.role[metric.role ?? "secondary"],
      own.kind[metric.kind],
      metric.kind === "outcome" ? [metric.outcome, metric.positive].filter(Boolean).join(" = ") : "",
      `${own.way} ${own.goal[metric.goal ?? "increase"]}`,
      metric.covariate ? own.covariate(metric.covariate) : "",
      metric.least != null && metric.most != null ? own.bounded(metric.least, metric.most) : "",
      metric.settles_after_seconds ? own.settles(period(metric.settles_after_seconds)) : "",
      metric.role === "guardrail" ? own.margin(metric.margin ?? 0) : "",
    ]
      .filter(Boolean)
      .join(" · ");
  return (
    <Panel title={own.declared}>
      <Facts
        of={[
          ...definition.metrics.map((metric) => [metric.name, told(metric)] as const),
          [own.unit, own.unitOf[definition.unit ?? "subject"]],
          [own.effectLeast, definition.minimum_effect ?? "–"],
          [own.alpha, definition.alpha ?? "–"],
          [own.planned, definition.units?.toLocaleString() ?? "–"],
          [words.releases.guardrails, definition.guardrails?.map(({ kind }) => kind).join(", ") ?? "–"],
          [own.falseStop, definition.false_stop ?? "–"],
          [own.since, <When key="since" at={of.started_at} />],
          [own.until, <When key="until" at={of.ended_at} />],
          [own.by, <Short key="by" of={of.started_by} length={8} />],
        ]}
      />
    </Panel>
  );
}

/** What a change's facts tell to people: the reason, and the advice that was before them. */
function factsOf(facts: unknown): { arm: string; reason: string; leader: string; advice: string } {
  const { arm, arms, reason, report } = (facts ?? {}) as { arm?: string; arms?: ({ arm?: string; why?: string } | null)[]; reason?: string | null; report?: { leader?: string; advice?: string } | null };
  const stopped = (arms ?? []).flatMap((one) => (one?.arm ? [one.why && one.why !== "person" ? `${one.arm} (${one.why})` : one.arm] : []));
  return { arm: arm ?? stopped.join(", "), reason: reason ?? "", leader: report?.leader ?? "", advice: report?.advice ?? "" };
}

function History({ of }: Of) {
  const words = useWords();
  const own = words.trials;
  const changes = (of.history ?? []).map((change, place) => ({ ...change, place, ...factsOf(change.facts) }));
  type Row = (typeof changes)[number];
  const columns: Column<Row>[] = [
    { name: words.common.time, cell: (row) => <When at={row.at} />, text: (row) => row.at },
    { name: words.ledger.action, cell: (row) => `${own.happened[row.what] ?? row.what}${row.arm ? `: ${row.arm}` : ""}`, text: (row) => row.what },
    { name: words.ledger.by, cell: (row) => (row.by ? <Short of={row.by} length={8} /> : words.releases.server), text: (row) => row.by ?? "" },
    { name: words.common.reason, cell: (row) => <><div className="wraps">{row.reason || "–"}</div>{row.advice && <span className="soft small">{own.leading(row.leader, row.advice)}</span>}</>, text: (row) => row.reason },
  ];
  return (
    <Panel title={own.history}>
      {changes.length === 0 ? <Empty>{words.common.none}</Empty> : <Table of={changes} label={own.history} id={(row) => String(row.place)} columns={columns} />}
    </Panel>
  );
}

/** The arms that still take traffic, the control left out. */
const running = (of: Schemas["Experiment"]) => of.definition.arms.slice(1).filter(({ name }) => !of.stopped.some(({ arm }) => arm === name));

function StopArm({ of }: Of) {
  const own = useWords().trials;
  const stop = useStopArm(of.deployment);
  const [arm, setArm] = useState("");
  const [reason, setReason] = useState("");
  return (
    <Asked label={own.stop} says={own.stopAsk} tone="danger" pending={stop.isPending} error={stop.error} reset={stop.reset} act={(done) => stop.mutate({ arm, reason }, { onSuccess: done })}>
      <label>
        {own.arm}
        <select required value={arm} onChange={(event) => setArm(event.target.value)}>
          <option value="" disabled />
          {running(of).map(({ name, version }) => (
            <option key={name} value={name}>
              {name} ({version})
            </option>
          ))}
        </select>
      </label>
      <Reason value={reason} change={setReason} />
    </Asked>
  );
}

function Conclude({ of, leader }: Of & { leader: string | null }) {
  const own = useWords().trials;
  const session = useSession().data;
  const conclude = useConclude(of.deployment);
  const [chosen, choose] = useState<string | null>(null);
  const [reason, setReason] = useState("");
  const ship = chosen ?? "";
  return (
    <Asked label={own.conclude} says={own.concludeAsk} tone="primary" pending={conclude.isPending} error={conclude.error} reset={conclude.reset} act={(done) => conclude.mutate({ reason, ...(ship ? { ship } : {}) }, { onSuccess: done })}>
      <label>
        {own.ship}
        <select value={ship} onChange={(event) => choose(event.target.value)}>
          <option value="">{own.keepControl}</option>
          {may(session, "Release") &&
            running(of).map(({ name, version }) => (
              <option key={name} value={name}>
                {name} ({version}){name === leader ? " ★" : ""}
              </option>
            ))}
        </select>
      </label>
      <Reason value={reason} change={setReason} />
    </Asked>
  );
}
