// One finding: what happened, what decided, what is beside it, and seeing to it.
import { type FormEvent, type ReactNode, useState } from "react";
import { Link, useLocation } from "wouter";
import { useSession } from "../api/queries";
import { type FindingAct, useAlerts, useFinding, useFindingAct, useFindingsOf, useRequestRetrain, useRetrains } from "../api/watch";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Ask, Badge, Empty, Facts, Head, Loaded, Panel, Table, When, Wrong } from "../ui/basics";
import { DeploymentLink } from "../ui/words";
import { type Finding as Shown, FindingState, SeverityBadge, useFindingColumns } from "./Findings";

const DAY = 86_400_000;
/** What a snooze may last, in days; the server takes 90 at most. */
const SNOOZES = [1, 7, 14, 30, 90];

export default function Finding({ id }: { id: string }) {
  const { watch: words } = useWords();
  const finding = useFinding(id);
  return (
    <Loaded of={finding}>
      {(of) => (
        <>
          <Head title={`${of.about}${of.slice ? ` (${of.slice})` : ""}`}>
            <SeverityBadge of={of.severity} />
            <FindingState of={of} />
            {of.is_overdue && <Badge tone="bad">{words.findings.overdue}</Badge>}
          </Head>
          <p className="wraps">{of.text}</p>
          <Acts of={of} />
          <div className="two">
            <Story of={of} />
            <div>
              <About of={of} />
              <Evidence of={of} />
            </div>
          </div>
          <Related of={of} />
        </>
      )}
    </Loaded>
  );
}

function About({ of }: { of: Shown }) {
  const { watch: words, common } = useWords();
  const isLink = /^https?:\/\//i.test(of.runbook);
  return (
    <Panel title={words.kind[of.kind]}>
      <Facts
        of={[
          [words.silences.deployment, <DeploymentLink key="d" name={of.deployment} />],
          [words.findings.version, of.version],
          [common.owner, of.owner],
          [words.findings.assignee, of.assignee ?? words.findings.nobody],
          [words.findings.due, of.state === "resolved" ? "–" : <When key="due" at={of.due_at} />],
          [words.findings.inWindow, <span key="w"><When at={of.since} /> – <When at={of.until} /></span>],
          ...(of.snoozed_until && of.state === "snoozed" ? [[words.state.snoozed, <When key="s" at={of.snoozed_until} />] as const] : []),
          ...(of.reason ? [[common.reason, <span key="r" className="wraps">{of.reason}</span>] as const] : []),
          [
            words.findings.runbook,
            isLink ? (
              <a key="book" href={of.runbook} rel="noreferrer noopener" target="_blank">
                {of.runbook}
              </a>
            ) : (
              of.runbook
            ),
          ],
        ]}
      />
    </Panel>
  );
}

/** What happened to it in the order of time: of itself, of alerts, and of trainings that it asked for. */
function Story({ of }: { of: Shown }) {
  const { watch: words } = useWords();
  const session = useSession().data;
  const alerts = useAlerts({ finding: of.id }, may(session, "ReadAlerting"));
  const retrains = useRetrains(of.deployment);
  const own = words.findings;
  const steps: { at: string; says: ReactNode }[] = [
    { at: of.opened_at, says: own.opened(of.openings) },
    { at: of.seen_at, says: own.lastSeen(of.occurrences) },
    ...alerts.items.map((sent) => ({ at: sent.created_at, says: own.told(own.what[sent.what] ?? sent.what, sent.route, own.sentState[sent.state] ?? sent.state) })),
    ...retrains.items
      .filter((retrain) => retrain.finding === of.id)
      .map((retrain) => ({ at: retrain.created_at, says: <Link href={`/retrains/${retrain.id}`}>{own.retrained(words.retrains.states[retrain.state] ?? retrain.state)}</Link> })),
    ...(of.changed_at ? [{ at: of.changed_at, says: own.changed(words.state[of.state], of.changed_by_name ?? of.changed_by ?? "") + (of.reason ? `: ${of.reason}` : "") }] : []),
    ...(of.state === "resolved" ? [] : [{ at: of.due_at, says: own.dueThen }]),
  ];
  steps.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  return (
    <Panel title={own.story}>
      <ol className="steps">
        {steps.map((step, place) => (
          <li key={`${step.at} ${place}`}>
            <When at={step.at} /> <span className="wraps">{step.says}</span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

const places: Partial<Record<Shown["kind"], "monitoring" | "performance" | "fairness">> = {
  quality: "monitoring",
  input_drift: "monitoring",
  output_drift: "monitoring",
  staleness: "monitoring",
  unwatched: "monitoring",
  performance: "performance",
  estimated_performance: "performance",
  calibration: "performance",
  fairness: "fairness",
};

function Evidence({ of }: { of: Shown }) {
  const { watch: words } = useWords();
  const numbers = Object.entries(of.numbers).map(([name, value]) => ({ name, value }));
  const tab = places[of.kind];
  const says = { monitoring: words.findings.look, performance: words.findings.lookPerformance, fairness: words.findings.lookFairness };
  const query = new URLSearchParams({ tab: tab ?? "", ...(tab === "monitoring" ? { column: of.about, range: `${new Date(Date.parse(of.since) - 7 * DAY).toISOString()}..` } : {}) });
  return (
    <Panel title={words.findings.evidence}>
      {numbers.length === 0 ? (
        <Empty>–</Empty>
      ) : (
        <Table
          label={words.findings.evidence}
          of={numbers}
          id={(row) => row.name}
          columns={[
            { name: words.findings.number, cell: (row) => <code>{row.name}</code> },
            { name: words.fairness.value, cell: (row) => Number(row.value.toPrecision(6)).toLocaleString(), isNumber: true },
          ]}
        />
      )}
      {tab && (
        <p>
          <Link className="button" href={`/deployments/${encodeURIComponent(of.deployment)}?${query}`}>
            {says[tab]}
          </Link>
        </p>
      )}
    </Panel>
  );
}

function Related({ of }: { of: Shown }) {
  const { watch: words } = useWords();
  const related = useFindingsOf(of.deployment);
  const columns = useFindingColumns();
  return (
    <Panel title={words.findings.related}>
      <Loaded of={related}>
        {({ items }) => {
          const others = items.filter((other) => other.id !== of.id);
          return others.length === 0 ? <Empty>{words.findings.noRelated}</Empty> : <Table label={words.findings.related} of={others} id={(row) => row.id} columns={columns.filter((_, place) => place !== 3 && place !== 5)} />;
        }}
      </Loaded>
    </Panel>
  );
}

type What = FindingAct["what"] | "retrain";

function Acts({ of }: { of: Shown }) {
  const { watch: words } = useWords();
  const session = useSession().data;
  const [what, setWhat] = useState<What | null>(null);
  const own = words.findings;
  if (!may(session, "HandleFinding")) return <p className="note">{own.mayNot}</p>;
  const isOver = of.state === "resolved";
  return (
    <div className="bar">
      <button type="button" className={of.state === "open" ? "primary" : undefined} disabled={isOver || of.state === "acknowledged"} onClick={() => setWhat("acknowledge")}>{own.acknowledge}</button>
      <button type="button" onClick={() => setWhat("assign")}>{own.assign}</button>
      <button type="button" disabled={isOver} onClick={() => setWhat("snooze")}>{own.snooze}</button>
      <button type="button" disabled={isOver} onClick={() => setWhat("resolve")}>{own.resolve}</button>
      {may(session, "RequestRetrain") && <button type="button" onClick={() => setWhat("retrain")}>{own.retrain}</button>}
      {what !== null && <Act of={of} what={what} close={() => setWhat(null)} />}
    </div>
  );
}

function Act({ of, what, close }: { of: Shown; what: What; close: () => void }) {
  const { watch: words, common } = useWords();
  const own = words.findings;
  const [, go] = useLocation();
  const act = useFindingAct(of.id);
  const retrain = useRequestRetrain();
  const [text, setText] = useState("");
  const [days, setDays] = useState(7);
  const title = { acknowledge: own.acknowledge, assign: own.assign, snooze: own.snooze, resolve: own.resolve, retrain: own.retrain }[what];
  const hint = { acknowledge: own.acknowledgeHint, assign: own.assignHint, snooze: own.snoozeHint, resolve: own.resolveHint, retrain: words.retrains.askHint }[what];
  const label = { acknowledge: own.note, assign: own.assignTo, snooze: common.reason, resolve: common.reason, retrain: common.reason }[what];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const done = { onSuccess: close };
    switch (what) {
      case "acknowledge":
        return act.mutate({ what, body: text === "" ? {} : { note: text } }, done);
      case "assign":
        return act.mutate({ what, body: { to: text } }, done);
      case "snooze":
        return act.mutate({ what, body: { until: new Date(Date.now() + days * DAY - 60_000).toISOString(), reason: text } }, done);
      case "resolve":
        return act.mutate({ what, body: { reason: text } }, done);
      case "retrain":
        return retrain.mutate({ deployment: of.deployment, reason: text }, { onSuccess: (made) => go(`/retrains/${made.id}`) });
    }
  };
  const error = act.error ?? retrain.error;
  return (
    <Ask title={`${title}: ${of.about}`} isOpen close={close}>
      <form onSubmit={submit}>
        <p>{hint}</p>
        {what === "snooze" && (
          <label>
            {own.until}
            <select value={days} onChange={(event) => setDays(Number(event.target.value))}>
              {SNOOZES.map((count) => (
                <option key={count} value={count}>{own.days(count)}</option>
              ))}
            </select>
          </label>
        )}
        <label>
          {label}
          <input required={what !== "acknowledge"} value={text} maxLength={1000} onChange={(event) => setText(event.target.value)} />
        </label>
        {error !== null && <Wrong error={error} />}
        <div className="actions">
          <button type="button" onClick={close}>{common.cancel}</button>
          <button type="submit" className="primary" disabled={act.isPending || retrain.isPending}>{title}</button>
        </div>
      </form>
    </Ask>
  );
}
