// One rollout, watched as it happens: its steps, what guardrails say, what was decided and why.
import { lazy, Suspense } from "react";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useSession } from "../api/queries";
import { useRollout } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { duration } from "../time";
import { Badge, type Column, csv, Facts, Head, Loaded, Panel, save, Short, Skeleton, Table, type Tone, When } from "../ui/basics";
import { gatePath, Lacks, odds, percent, period, PhaseBadge, StepIn } from "../ui/release";

// Charts are loaded when somebody looks at them.
const Evidence = lazy(() => import("./RolloutEvidence"));
const Arms = lazy(() => import("./RolloutArms"));

type Of = { of: Schemas["Rollout"] };

export default function Rollout({ name, id }: { name: string; id: string }) {
  const words = useWords();
  const rollout = useRollout(name, id);
  return (
    <Loaded of={rollout}>
      {(of) => (
        <>
          <Head
            title={
              <>
                <Link href={`/deployments/${encodeURIComponent(name)}`}>{name}</Link>: {of.incumbent} → {of.candidate}
              </>
            }
          >
            <PhaseBadge of={of.phase} />
            {of.is_drill && <Badge>{words.releases.drill}</Badge>}
            <Badge tone={of.ended_at ? "idle" : "good"}>{of.ended_at ? words.releases.over : words.releases.watching}</Badge>
            {!of.ended_at && !of.is_drill && <Actions of={of} />}
            <Link className="button" href={gatePath(name, of.candidate)}>
              {words.gate.open}
            </Link>
          </Head>
          <Verdict of={of} />
          <div className="grid">
            <Standing of={of} />
            <Counts of={of} />
          </div>
          {(of.reasons?.length ?? 0) > 0 && <Reasons of={of} />}
          <Steps of={of} />
          <Panel title={words.releases.evidence}>
            <p className="soft small">{words.releases.evidenceHint}</p>
            <Guardrails of={of} />
            <Suspense fallback={<Skeleton />}>
              <Evidence of={of} />
            </Suspense>
          </Panel>
          {!of.ended_at && <Live name={name} />}
          <History of={of} />
        </>
      )}
    </Loaded>
  );
}

function Actions({ of }: Of) {
  const session = useSession().data;
  const isHeld = of.phase === "held" || of.phase === "inconclusive";
  return (
    <>
      {may(session, "Release") && <StepIn name={of.deployment} verb="advance" />}
      {may(session, "Release") && isHeld && <StepIn name={of.deployment} verb="resume" />}
      {may(session, "RollBack") && !isHeld && <StepIn name={of.deployment} verb="hold" />}
      {may(session, "RollBack") && <StepIn name={of.deployment} verb="rollback" />}
      {may(session, "RollBack") && <StepIn name={of.deployment} verb="kill" />}
    </>
  );
}

/** How it ended, told at once: also to who only listens. */
function Verdict({ of }: Of) {
  const words = useWords().releases;
  const end = of.history?.at(-1);
  const isAutomatic = of.phase === "rolled_back" && !of.is_drill && !end?.by;
  return (
    <div aria-live="polite">
      {of.phase === "rolled_back" && (
        <div className="note bad">
          {[isAutomatic ? words.automatic(of.reason ?? "") : `${words.phase.rolled_back}: ${of.reason ?? ""}`, took(end, words.took)].filter(Boolean).join("; ")}
        </div>
      )}
      {of.phase === "promoted" && <div className="note good">{words.phase.promoted}</div>}
      {(of.phase === "held" || of.phase === "inconclusive") && (
        <div className="note warn">
          {words.phase[of.phase]}: {of.reason ?? ""}
        </div>
      )}
      {!of.ended_at && <Lacks actions={["Release", "RollBack"]} />}
    </div>
  );
}

function took(of: Schemas["RolloutChange"] | undefined, says: (us: string) => string): string {
  const us = (of?.facts as { took_us?: number } | undefined)?.took_us;
  return typeof us === "number" ? says(duration(us * 1e3)) : "";
}

function Standing({ of }: Of) {
  const words = useWords().releases;
  return (
    <Panel>
      <div className="figure">{of.ended_at ? "–" : of.percent === 0 ? words.shadow : words.share(of.percent)}</div>
      <Facts
        of={[
          [words.versions, words.tries(of.incumbent, of.candidate)],
          [words.step, words.of(of.step, of.steps.length)],
          [words.since, <When key="since" at={of.started_at} />],
          [words.until, <When key="until" at={of.ended_at} />],
          [words.by, <Short key="by" of={of.started_by} length={8} />],
        ]}
      />
    </Panel>
  );
}

function Counts({ of }: Of) {
  const words = useWords().releases;
  const number = (value: number) => value.toLocaleString();
  return (
    <Panel title={words.counts}>
      <Facts
        of={[
          [words.candidates, number(of.candidates)],
          [words.pairs, number(of.pairs)],
          [words.inStep, number(of.in_step)],
          [words.dropped, number(of.dropped)],
          [words.agreement, typeof of.agreement === "number" ? percent(of.agreement) : "–"],
          [words.shift, typeof of.score_shift === "number" ? of.score_shift.toPrecision(3) : "–"],
          [words.reasonAgreement, typeof of.reason_agreement === "number" ? percent(of.reason_agreement) : "–"],
        ]}
      />
    </Panel>
  );
}

/** Two versions may agree on every answer and differ in why. */
function Reasons({ of }: Of) {
  const words = useWords().releases;
  const rows = [...(of.reasons ?? [])].sort((a, b) => b.incumbent + b.candidate - a.incumbent - a.candidate);
  const share = (part: number, side: "incumbent" | "candidate") => percent(part / Math.max(1, rows.reduce((sum, row) => sum + row[side], 0)));
  return (
    <Panel title={words.reasons}>
      <p className="soft small">{words.reasonsHint(percent(of.reason_shift ?? 0))}</p>
      <Table
        of={rows}
        label={words.reasons}
        id={(row) => row.code}
        columns={[
          { name: words.reasonCode, cell: (row) => row.code },
          { name: words.ofIncumbent, cell: (row) => share(row.incumbent, "incumbent"), isNumber: true },
          { name: words.ofCandidate, cell: (row) => share(row.candidate, "candidate"), isNumber: true },
        ]}
      />
    </Panel>
  );
}

type StepState = "done" | "now" | "ahead" | "undone";
const STEP_TONES: Record<StepState, Tone> = { done: "good", now: "warn", ahead: "idle", undone: "bad" };

function Steps({ of }: Of) {
  const words = useWords();
  const said = words.releases;
  // A change of step says, from 0, which one it led to.
  const begun = new Map<number, string>([[1, of.started_at]]);
  (of.history ?? []).forEach(({ what, facts, at }) => {
    const step = (facts as { step?: number }).step;
    if (what === "step" && typeof step === "number") begun.set(step + 1, at);
  });
  const state = (number: number): StepState => {
    if (of.phase === "promoted" || number < of.step) return "done";
    if (number > of.step) return "ahead";
    return of.phase === "rolled_back" ? "undone" : "now";
  };
  const rows = of.steps.map((step, place) => ({ ...step, number: place + 1 }));
  return (
    <Panel title={said.steps}>
      <Table
        of={rows}
        label={said.steps}
        id={(row) => String(row.number)}
        columns={[
          { name: said.step, cell: (row) => row.number },
          { name: said.exposure, cell: (row) => (row.percent === 0 ? said.shadow : said.share(row.percent)) },
          { name: said.needs, cell: (row) => said.requests(row.requests_min, period(row.seconds_min)) },
          { name: words.common.state, cell: (row) => <Badge tone={STEP_TONES[state(row.number)]}>{said.stepState[state(row.number)]}</Badge> },
          { name: said.begun, cell: (row) => <When at={begun.get(row.number)} /> },
        ]}
      />
    </Panel>
  );
}

function Guardrails({ of }: Of) {
  const words = useWords().releases;
  const part = (value: number, goal: number) => Math.max(0, Math.min(1, Math.log(Math.max(value, 1)) / Math.log(Math.max(goal, 2))));
  return (
    <Table
      of={of.evidence}
      label={words.evidence}
      id={(one) => one.guardrail}
      columns={[
        { name: words.guardrail, cell: (one) => one.guardrail },
        { name: words.now, cell: (one) => words.odds(odds(one.wealth)), isNumber: true },
        { name: words.most, cell: (one) => words.odds(odds(one.most)), isNumber: true },
        { name: words.goal, cell: (one) => words.odds(odds(one.goal)), isNumber: true },
        {
          name: words.threshold,
          cell: (one) => (
            <meter min={0} max={1} low={0.25} high={0.75} optimum={0} value={part(one.most, one.goal)} aria-label={`${one.guardrail}: ${percent(part(one.most, one.goal))}`}>
              {percent(part(one.most, one.goal))}
            </meter>
          ),
        },
      ]}
    />
  );
}

function Live({ name }: { name: string }) {
  const words = useWords().releases;
  const session = useSession().data;
  if (!may(session, "TailDecisions")) return <Lacks actions={["TailDecisions"]} />;
  return (
    <Panel title={words.arms}>
      <Suspense fallback={<Skeleton />}>
        <Arms name={name} />
      </Suspense>
    </Panel>
  );
}

/** The reason of a change: what decided, or what a person said. */
function why(facts: unknown): { what: string; because: string } {
  const { reason, because } = (facts ?? {}) as { reason?: string | { what?: string } | null; because?: string };
  const what = typeof reason === "string" ? reason : (reason?.what ?? "");
  return { what, because: because ?? "" };
}

type Change = Schemas["RolloutChange"] & { place: number };

function History({ of }: Of) {
  const words = useWords();
  const said = words.releases;
  const changes: Change[] = (of.history ?? []).map((change, place) => ({ ...change, place }));
  const columns: Column<Change>[] = [
    { name: words.common.time, cell: (row) => <When at={row.at} />, text: (row) => row.at },
    { name: words.ledger.action, cell: (row) => said.what[row.what] ?? row.what, text: (row) => row.what },
    { name: words.ledger.by, cell: (row) => (row.by ? <Short of={row.by} length={8} /> : said.server), text: (row) => row.by ?? "" },
    {
      name: said.why,
      cell: (row) => {
        const { what, because } = why(row.facts);
        const told = [what && said.decided(what), took(row, said.took)].filter(Boolean).join("; ");
        return (
          <>
            {because && <div>{because}</div>}
            <span className="soft small">{told}</span>
          </>
        );
      },
      text: (row) => [why(row.facts).because, why(row.facts).what].filter(Boolean).join("; "),
    },
  ];
  return (
    <Panel
      title={said.history}
      aside={
        <button type="button" onClick={() => save(`rollout-${of.id}.csv`, "text/csv", csv(changes, columns))}>
          {words.common.exportCsv}
        </button>
      }
    >
      <Table of={changes} label={said.history} id={(row) => String(row.place)} columns={columns} />
    </Panel>
  );
}
