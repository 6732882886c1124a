// Who is told of findings and when nobody is: silences, alert routes, and what was sent.
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useSession } from "../api/queries";
import { useAlertRoutes, useAlerts, useEndSilence, useMakeRoute, useMakeSilence, useRedeliver, useRemoveRoute, useSilences, useTestRoute } from "../api/watch";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { useAddress } from "../ui/address";
import { Ask, Badge, csv, Empty, List, Loaded, Panel, save, Short, Table, type Tone, When, Wrong } from "../ui/basics";
import { DeploymentLink } from "../ui/words";
import { DeploymentSelect, KINDS, SEVERITIES } from "./Findings";

const SHAPES: Schemas["AlertShape"][] = ["webhook", "slack", "teams", "pagerduty", "mail"];
const SENT: Record<Schemas["AlertState"], Tone> = { waiting: "warn", delivered: "good", dead: "bad" };

export default function Alerting({ part }: { part: "silences" | "routes" | "sent" }) {
  const words = useWords().watch;
  const session = useSession().data;
  if (part === "silences") return <Silences />;
  if (!may(session, "ReadAlerting")) return <p className="note">{words.routes.mayNot}</p>;
  return part === "routes" ? <Routes /> : <Sent />;
}

function Silences() {
  const { watch: words, common } = useWords();
  const session = useSession().data;
  const silences = useSilences();
  const end = useEndSilence();
  const [ending, setEnding] = useState<string | null>(null);
  const own = words.silences;
  const mayHandle = may(session, "HandleFinding");
  return (
    <Panel title={words.findings.silences} aside={mayHandle && <MakeSilence />}>
      <Loaded of={silences}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>{own.empty}</Empty>
          ) : (
            <Table
              label={words.findings.silences}
              of={items}
              id={(row) => row.id}
              columns={[
                { name: common.state, cell: (row) => <Badge tone={row.is_active ? "warn" : "idle"}>{row.is_active ? own.active : own.idle}</Badge> },
                { name: own.deployment, cell: (row) => (row.deployment ? <DeploymentLink name={row.deployment} /> : own.everyDeployment) },
                { name: own.kinds, cell: (row) => (row.kind ? words.kind[row.kind] : own.everyKind) },
                { name: own.worst, cell: (row) => words.severity[row.severity] },
                { name: own.from, cell: (row) => <When at={row.starts_at} /> },
                { name: own.to, cell: (row) => <When at={row.ends_at} /> },
                { name: own.every, cell: (row) => row.every_hours ?? "–", isNumber: true },
                { name: common.reason, cell: (row) => row.reason },
                ...(mayHandle
                  ? [{ name: "", cell: (row: Schemas["Silence"]) => <button type="button" onClick={() => setEnding(row.id)}>{own.end}</button> }]
                  : []),
              ]}
            />
          )
        }
      </Loaded>
      <Ask title={own.end} isOpen={ending !== null} close={() => setEnding(null)}>
        <p>{own.endHint}</p>
        {end.error !== null && <Wrong error={end.error} />}
        <div className="actions">
          <button type="button" onClick={() => setEnding(null)}>{common.cancel}</button>
          <button type="button" className="primary" disabled={end.isPending} onClick={() => ending && end.mutate(ending, { onSuccess: () => setEnding(null) })}>{own.end}</button>
        </div>
      </Ask>
    </Panel>
  );
}

const utc = (text: string) => new Date(text).toISOString();

function MakeSilence() {
  const { watch: words, common } = useWords();
  const own = words.silences;
  const session = useSession().data;
  const [isOpen, setOpen] = useState(false);
  const first = { deployment: "", kind: "", severity: "warning" as Schemas["FindingSeverity"], from: "", to: "", every: "", reason: "" };
  const [wanted, setWanted] = useState(first);
  const make = useMakeSilence();
  const set = (part: Partial<typeof wanted>) => setWanted({ ...wanted, ...part });
  const close = () => {
    setOpen(false);
    setWanted(first);
    make.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { deployment, kind, severity, from, to, every, reason } = wanted;
    make.mutate(
      {
        severity,
        reason,
        ends_at: utc(to),
        ...(from === "" ? {} : { starts_at: utc(from) }),
        ...(deployment === "" ? {} : { deployment }),
        ...(kind === "" ? {} : { kind: kind as Schemas["FindingKind"] }),
        ...(every === "" ? {} : { every_hours: Number(every) }),
      },
      { onSuccess: close },
    );
  };
  const all = may(session, "ChangeAlerting") ? { all: own.everyDeployment } : {};
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>{own.make}</button>
      <Ask title={own.make} isOpen={isOpen} close={close}>
        <form onSubmit={submit}>
          <p>{own.empty.split(". ")[1]}</p>
          <DeploymentSelect value={wanted.deployment} change={(deployment) => set({ deployment })} {...all} />
          <label>
            {own.kinds}
            <select value={wanted.kind} onChange={(event) => set({ kind: event.target.value })}>
              <option value="">{own.everyKind}</option>
              {KINDS.map((name) => (
                <option key={name} value={name}>{words.kind[name]}</option>
              ))}
            </select>
          </label>
          <label>
            {own.worst}
            <select value={wanted.severity} onChange={(event) => set({ severity: event.target.value as Schemas["FindingSeverity"] })}>
              {SEVERITIES.map((name) => (
                <option key={name} value={name}>{words.severity[name]}</option>
              ))}
            </select>
          </label>
          <label>
            {own.from}
            <input type="datetime-local" value={wanted.from} onChange={(event) => set({ from: event.target.value })} />
          </label>
          <label>
            {own.to}
            <input type="datetime-local" required value={wanted.to} onChange={(event) => set({ to: event.target.value })} />
          </label>
          <label>
            {own.every}
            <input type="number" min={1} max={8760} value={wanted.every} onChange={(event) => set({ every: event.target.value })} />
            <span className="small">{own.everyHint}</span>
          </label>
          <label>
            {common.reason}
            <input required value={wanted.reason} maxLength={1000} onChange={(event) => set({ reason: event.target.value })} />
          </label>
          {make.error !== null && <Wrong error={make.error} />}
          <div className="actions">
            <button type="button" onClick={close}>{common.cancel}</button>
            <button type="submit" className="primary" disabled={make.isPending}>{own.make}</button>
          </div>
        </form>
      </Ask>
    </>
  );
}

function Routes() {
  const { watch: words, common } = useWords();
  const session = useSession().data;
  const own = words.routes;
  const routes = useAlertRoutes();
  const remove = useRemoveRoute();
  const [removing, setRemoving] = useState<string | null>(null);
  const mayChange = may(session, "ChangeAlerting");
  return (
    <Panel title={words.findings.routes} aside={mayChange && <MakeRoute />}>
      <List
        of={routes}
        label={words.findings.routes}
        id={(row) => row.id}
        empty={own.empty}
        columns={[
          { name: common.name, cell: (row) => row.name },
          { name: own.shape, cell: (row) => row.shape },
          { name: own.to, cell: (row) => <code>{row.origin}</code> },
          { name: own.mildest, cell: (row) => words.severity[row.severity] },
          { name: own.only, cell: (row) => [...(row.deployments ?? []), ...(row.kinds ?? []).map((kind) => words.kind[kind])].join(", ") || own.everything },
          { name: common.created, cell: (row) => <When at={row.created_at} /> },
          ...(may(session, "TestAlertRoute") ? [{ name: own.test, cell: (row: Schemas["AlertRoute"]) => <Test name={row.name} /> }] : []),
          ...(mayChange ? [{ name: "", cell: (row: Schemas["AlertRoute"]) => <button type="button" className="danger" onClick={() => setRemoving(row.name)}>{own.remove}</button> }] : []),
        ]}
      />
      <Ask title={own.remove} isOpen={removing !== null} close={() => setRemoving(null)}>
        <p>{own.removeHint(removing ?? "")}</p>
        {remove.error !== null && <Wrong error={remove.error} />}
        <div className="actions">
          <button type="button" onClick={() => setRemoving(null)}>{common.cancel}</button>
          <button type="button" className="danger" disabled={remove.isPending} onClick={() => removing && remove.mutate(removing, { onSuccess: () => setRemoving(null) })}>{own.remove}</button>
        </div>
      </Ask>
    </Panel>
  );
}

function Test({ name }: { name: string }) {
  const words = useWords().watch.routes;
  const test = useTestRoute();
  return (
    <>
      <button type="button" disabled={test.isPending} onClick={() => test.mutate(name)}>{words.test}</button>
      {test.data && (
        <div role="status">
          <Badge tone={test.data.delivered ? "good" : "bad"}>{test.data.delivered ? words.delivered : words.refused}</Badge> <span className="small">{test.data.reason}</span>
        </div>
      )}
      {test.error !== null && <Wrong error={test.error} />}
    </>
  );
}

function MakeRoute() {
  const { watch: words, common } = useWords();
  const own = words.routes;
  const [isOpen, setOpen] = useState(false);
  const first = { name: "", shape: "webhook" as Schemas["AlertShape"], to: "", key: "", severity: "warning" as Schemas["FindingSeverity"], deployment: "" };
  const [wanted, setWanted] = useState(first);
  const make = useMakeRoute();
  const set = (part: Partial<typeof wanted>) => setWanted({ ...wanted, ...part });
  const close = () => {
    setOpen(false);
    setWanted(first);
    make.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { name, shape, to, key, severity, deployment } = wanted;
    make.mutate({ name, shape, severity, ...(to === "" ? {} : { to }), ...(key === "" ? {} : { key }), ...(deployment === "" ? {} : { deployments: [deployment] }) });
  };
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>{own.make}</button>
      <Ask title={own.make} isOpen={isOpen} close={close}>
        {make.data ? (
          <div className="stack">
            {make.data.secret && (
              <>
                <p>{own.secret}</p>
                <Short of={make.data.secret} length={200} />
              </>
            )}
            <p>{make.data.route.name}: <code>{make.data.route.origin}</code></p>
            <div className="actions">
              <button type="button" className="primary" onClick={close}>{common.close}</button>
            </div>
          </div>
        ) : (
          <form onSubmit={submit}>
            <p>{own.makeHint}</p>
            <label>
              {common.name}
              <input required value={wanted.name} onChange={(event) => set({ name: event.target.value })} />
            </label>
            <label>
              {own.shape}
              <select value={wanted.shape} onChange={(event) => set({ shape: event.target.value as Schemas["AlertShape"] })}>
                {SHAPES.map((shape) => (
                  <option key={shape}>{shape}</option>
                ))}
              </select>
            </label>
            <label>
              {own.to}
              <input required={wanted.shape !== "pagerduty"} value={wanted.to} placeholder={own.toHint} onChange={(event) => set({ to: event.target.value })} />
            </label>
            {wanted.shape === "pagerduty" && (
              <label>
                {own.key}
                <input type="password" required autoComplete="off" value={wanted.key} onChange={(event) => set({ key: event.target.value })} />
              </label>
            )}
            <label>
              {own.mildest}
              <select value={wanted.severity} onChange={(event) => set({ severity: event.target.value as Schemas["FindingSeverity"] })}>
                {SEVERITIES.map((name) => (
                  <option key={name} value={name}>{words.severity[name]}</option>
                ))}
              </select>
            </label>
            <DeploymentSelect value={wanted.deployment} change={(deployment) => set({ deployment })} all={common.all} />
            {make.error !== null && <Wrong error={make.error} />}
            <div className="actions">
              <button type="button" onClick={close}>{common.cancel}</button>
              <button type="submit" className="primary" disabled={make.isPending}>{own.make}</button>
            </div>
          </form>
        )}
      </Ask>
    </>
  );
}

function Sent() {
  const { watch: words, common } = useWords();
  const session = useSession().data;
  const own = words.sent;
  const [state, setState] = useAddress("sent");
  const alerts = useAlerts({ state: state as Schemas["AlertState"] | null });
  const again = useRedeliver();
  const columns = [
    { name: common.time, cell: (row: Schemas["SentAlert"]) => <When at={row.created_at} />, text: (row: Schemas["SentAlert"]) => row.created_at },
    { name: own.route, cell: (row: Schemas["SentAlert"]) => row.route, text: (row: Schemas["SentAlert"]) => row.route },
    { name: own.alert, cell: (row: Schemas["SentAlert"]) => <Link href={`/findings/${row.finding}`}>{words.findings.what[row.what] ?? row.what}</Link>, text: (row: Schemas["SentAlert"]) => row.what },
    { name: words.silences.deployment, cell: (row: Schemas["SentAlert"]) => <DeploymentLink name={row.deployment} />, text: (row: Schemas["SentAlert"]) => row.deployment },
    { name: common.state, cell: (row: Schemas["SentAlert"]) => <Badge tone={SENT[row.state]}>{words.findings.sentState[row.state] ?? row.state}</Badge>, text: (row: Schemas["SentAlert"]) => row.state },
    { name: own.tried, cell: (row: Schemas["SentAlert"]) => row.attempts, text: (row: Schemas["SentAlert"]) => String(row.attempts), isNumber: true },
    { name: own.next, cell: (row: Schemas["SentAlert"]) => <When at={row.due_at} />, text: (row: Schemas["SentAlert"]) => row.due_at ?? "" },
    { name: own.why, cell: (row: Schemas["SentAlert"]) => <span className="small">{row.reason}</span>, text: (row: Schemas["SentAlert"]) => row.reason ?? "" },
    ...(may(session, "ChangeAlerting")
      ? [{ name: "", cell: (row: Schemas["SentAlert"]) => (row.state === "dead" ? <button type="button" disabled={again.isPending} onClick={() => again.mutate(row.id)}>{own.again}</button> : "") }]
      : []),
  ];
  return (
    <Panel>
      <div className="bar">
        <label>
          {common.state}
          <select value={state ?? ""} onChange={(event) => setState(event.target.value)}>
            <option value="">{common.all}</option>
            {(["waiting", "delivered", "dead"] as const).map((name) => (
              <option key={name} value={name}>{words.findings.sentState[name]}</option>
            ))}
          </select>
        </label>
        <button type="button" onClick={() => void alerts.refetch()}>{common.refresh}</button>
        <button type="button" disabled={alerts.items.length === 0} onClick={() => save("alerts.csv", "text/csv", csv(alerts.items, columns))}>{common.exportCsv}</button>
      </div>
      {again.error !== null && <Wrong error={again.error} />}
      <List of={alerts} label={words.findings.sent} id={(row) => `${row.id} ${row.route}`} empty={own.empty} columns={columns} />
    </Panel>
  );
}
