// The ledger: whether it records and signs, who keeps its checkpoints, where events go, what was changed.
import { useEvents, useSession, useSinks, useStatus } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import LedgerTimeline from "./LedgerTimeline";
import { Badge, Facts, Head, List, Loaded, Panel, Short, Table, type Tone, When } from "../ui/basics";

export default function Ledger() {
  const words = useWords();
  const session = useSession().data;
  return (
    <>
      <Head title={words.ledger.title} />
      <Log />
      <LedgerTimeline />
      {may(session, "ReadSinks") && <Sinks />}
      {may(session, "ReadEvents") && <Events />}
    </>
  );
}

function Log() {
  const words = useWords();
  const status = useStatus();
  return (
    <Loaded of={status}>
      {({ ledger }) => (
        <>
          <Panel title={words.overview.ledger}>
            {(ledger.reason ?? ledger.log.reason) && <div className="note bad">{ledger.reason ?? ledger.log.reason}</div>}
            <Facts
              of={[
                [words.ledger.key, <Short key="key" of={ledger.log.key} length={60} />],
                [words.overview.records, ledger.records.toLocaleString()],
                [words.ledger.integrated, ledger.log.integrated.toLocaleString()],
                [words.ledger.published, <span key="published">{ledger.log.published.toLocaleString()} · <When at={ledger.log.published_at} /></span>],
                [words.overview.witnessed, <span key="witnessed">{ledger.log.witnessed.toLocaleString()} · <When at={ledger.log.witnessed_at} /></span>],
              ]}
            />
          </Panel>
          <Panel title={words.ledger.copies}>
            {ledger.log.sinks.length === 0 ? (
              <div className="note warn">{words.ledger.noCopies}</div>
            ) : (
              <Table
                label={words.ledger.copies}
                of={ledger.log.sinks}
                id={(sink) => sink.name}
                columns={[
                  { name: words.common.name, cell: (sink) => sink.name },
                  { name: words.ledger.published, cell: (sink) => sink.size.toLocaleString(), isNumber: true },
                  { name: words.common.time, cell: (sink) => <When at={sink.taken_at} /> },
                  { name: words.common.state, cell: (sink) => (sink.failing ? <Badge tone="bad">{sink.failing}</Badge> : <Badge tone="good">{words.common.yes}</Badge>) },
                ]}
              />
            )}
          </Panel>
        </>
      )}
    </Loaded>
  );
}

function Sinks() {
  const words = useWords();
  const sinks = useSinks();
  return (
    <Panel title={words.ledger.sinks}>
      <List
        of={sinks}
        label={words.ledger.sinks}
        id={(sink) => sink.id}
        empty={words.ledger.noSinks}
        columns={[
          { name: words.common.name, cell: (sink) => sink.name },
          { name: "URL", cell: (sink) => <code>{sink.origin}</code> },
          { name: words.common.state, cell: (sink) => sink.state },
          { name: words.ledger.lag, cell: (sink) => `${words.ledger.entries(sink.progress.lag_entries)} · ${words.ledger.seconds(sink.progress.lag_seconds)}`, isNumber: true },
          { name: words.ledger.delivered, cell: (sink) => sink.progress.delivered.toLocaleString(), isNumber: true },
          { name: words.watch.sinks.failures, cell: (sink) => sink.progress.failures.toLocaleString(), isNumber: true },
          { name: words.watch.sinks.since, cell: (sink) => (sink.progress.failing_since ? <When at={sink.progress.failing_since} /> : "–") },
          { name: words.watch.sinks.retry, cell: (sink) => (sink.progress.retry_at ? <When at={sink.progress.retry_at} /> : "–") },
          { name: words.ledger.failing, cell: (sink) => (sink.progress.reason ? <Badge tone="bad">{sink.progress.reason}</Badge> : "") },
        ]}
      />
    </Panel>
  );
}

const TONES: Record<string, Tone> = { completed: "good", failed: "bad", denied: "warn" };

function Events() {
  const words = useWords();
  const events = useEvents();
  return (
    <Panel title={words.ledger.events}>
      <List
        of={events}
        label={words.ledger.events}
        id={(event) => event.id}
        empty={words.common.none}
        columns={[
          { name: "#", cell: (event) => event.index, isNumber: true },
          { name: words.common.time, cell: (event) => <When at={event.time} /> },
          { name: words.ledger.stage, cell: (event) => <Badge tone={TONES[event.stage] ?? "idle"}>{words.ledger[event.stage]}</Badge> },
          { name: words.ledger.action, cell: (event) => event.action },
          { name: words.ledger.resource, cell: (event) => <code>{event.resource}</code> },
          { name: words.ledger.by, cell: (event) => event.principal_name ?? event.principal },
        ]}
      />
    </Panel>
  );
}
