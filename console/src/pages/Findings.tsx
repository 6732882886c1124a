// What is wrong, who sees to it, who is told: findings, silences, alert routes and alerts.
import { type FormEvent, lazy, Suspense, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useDeployments, useSession } from "../api/queries";
import { type FindingFilter, useFindings, useReportFinding } from "../api/watch";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Ask, Badge, type Column, csv, Head, List, Panel, save, Skeleton, type Tone, When, Wrong } from "../ui/basics";
import { useAddress } from "../ui/address";
import { Views } from "../ui/views";
import { DeploymentLink } from "../ui/words";

const Alerting = lazy(() => import("./Alerting"));

export type Finding = Schemas["Finding"];
export const KINDS: Schemas["FindingKind"][] = ["quality", "input_drift", "output_drift", "performance", "estimated_performance", "calibration", "fairness", "staleness", "unwatched", "release", "security"];
export const SEVERITIES: Schemas["FindingSeverity"][] = ["critical", "warning", "info"];
const STATES: Schemas["FindingState"][] = ["open", "acknowledged", "snoozed", "resolved"];
/** Ages that one may ask for, in days. */
const AGES = [1, 7, 14, 30, 90];
const DAY = 86_400_000;

const TONES: Record<Schemas["FindingSeverity"], Tone> = { critical: "bad", warning: "warn", info: "idle" };
const STATE_TONES: Record<Schemas["FindingState"], Tone> = { open: "bad", acknowledged: "warn", snoozed: "idle", resolved: "good" };
export function SeverityBadge({ of }: { of: Schemas["FindingSeverity"] }) {
  return <Badge tone={TONES[of]}>{useWords().watch.severity[of]}</Badge>;
}
export function FindingState({ of }: { of: Finding }) {
  const words = useWords().watch;
  return (
    <>
      <Badge tone={STATE_TONES[of.state]}>{words.state[of.state]}</Badge> {of.is_held && <Badge>{words.findings.held}</Badge>}
    </>
  );
}
export const FindingLink = ({ of }: { of: Pick<Finding, "id" | "about" | "slice"> }) => (
  <Link href={`/findings/${of.id}`}>
    {of.about}
    {of.slice ? ` (${of.slice})` : ""}
  </Link>
);

export function useFindingColumns(): Column<Finding>[] {
  const { watch: words, common } = useWords();
  return [
    { name: words.findings.severity, cell: (row) => <SeverityBadge of={row.severity} />, text: (row) => row.severity },
    { name: words.findings.about, cell: (row) => <FindingLink of={row} />, text: (row) => row.about + (row.slice ? ` (${row.slice})` : "") },
    { name: words.findings.kind, cell: (row) => words.kind[row.kind], text: (row) => row.kind },
    { name: words.silences.deployment, cell: (row) => <DeploymentLink name={row.deployment} />, text: (row) => row.deployment },
    { name: words.findings.assignee, cell: (row) => row.assignee ?? <span className="soft">{words.findings.nobody}</span>, text: (row) => row.assignee ?? "" },
    { name: common.owner, cell: (row) => row.owner, text: (row) => row.owner },
    { name: common.state, cell: (row) => <FindingState of={row} />, text: (row) => row.state },
    { name: words.findings.seen, cell: (row) => row.occurrences, text: (row) => String(row.occurrences), isNumber: true },
    {
      name: words.findings.due,
      cell: (row) => (row.state === "resolved" ? "–" : <>{row.is_overdue && <Badge tone="bad">{words.findings.overdue}</Badge>} <When at={row.due_at} /></>),
      text: (row) => row.due_at,
    },
    { name: words.findings.text, cell: (row) => <span className="small">{row.text}</span>, text: (row) => row.text },
  ];
}

export default function Findings() {
  const words = useWords().watch;
  const session = useSession().data;
  const [tab, setTab] = useAddress("tab");
  return (
    <>
      <Head title={words.findings.title}>
        <Views />
        {may(session, "HandleFinding") && <Report />}
      </Head>
      <Tabs className="tabs" selectedKey={tab ?? "list"} onSelectionChange={(key) => setTab(key === "list" ? null : String(key))}>
        <TabList aria-label={words.findings.title}>
          <Tab id="list">{words.findings.list}</Tab>
          <Tab id="silences">{words.findings.silences}</Tab>
          <Tab id="routes">{words.findings.routes}</Tab>
          <Tab id="sent">{words.findings.sent}</Tab>
        </TabList>
        <TabPanel id="list">
          <Triage />
        </TabPanel>
        {(["silences", "routes", "sent"] as const).map((id) => (
          <TabPanel key={id} id={id}>
            <Suspense fallback={<Skeleton />}>
              <Alerting part={id} />
            </Suspense>
          </TabPanel>
        ))}
      </Tabs>
    </>
  );
}

export function DeploymentSelect({ value, change, all }: { value: string; change: (value: string) => void; all?: string }) {
  const words = useWords();
  const deployments = useDeployments();
  return (
    <label>
      {words.watch.silences.deployment}
      <select required={all === undefined} value={value} onChange={(event) => change(event.target.value)}>
        <option value="" disabled={all === undefined}>
          {all ?? ""}
        </option>
        {deployments.items.map((found) => (
          <option key={found.id}>{found.name}</option>
        ))}
      </select>
    </label>
  );
}

function Triage() {
  const { watch: words, common } = useWords();
  const [state, setState] = useAddress("state");
  const [severity, setSeverity] = useAddress("severity");
  const [kind, setKind] = useAddress("kind");
  const [deployment, setDeployment] = useAddress("deployment");
  const [owner, setOwner] = useAddress("owner");
  const [age, setAge] = useAddress("age");
  const [overdue, setOverdue] = useAddress("overdue");
  const [now] = useState(() => Date.now());
  const filter: FindingFilter = {
    state: state === "all" ? null : ((state ?? "open") as Schemas["FindingState"]),
    severity: severity as Schemas["FindingSeverity"] | null,
    kind: kind as Schemas["FindingKind"] | null,
    deployment,
    owner,
    opened_before: age === null ? null : new Date(now - Number(age) * DAY).toISOString(),
    is_overdue: overdue !== null,
  };
  const found = useFindings(filter);
  const columns = useFindingColumns();
  const isPlain = severity === null && kind === null && deployment === null && owner === null && age === null && overdue === null;
  return (
    <Panel>
      <div className="bar">
        <label>
          {common.state}
          <select value={state ?? "open"} onChange={(event) => setState(event.target.value === "open" ? null : event.target.value)}>
            {STATES.map((name) => (
              <option key={name} value={name}>{words.state[name]}</option>
            ))}
            <option value="all">{common.all}</option>
          </select>
        </label>
        <label>
          {words.findings.severity}
          <select value={severity ?? ""} onChange={(event) => setSeverity(event.target.value)}>
            <option value="">{common.all}</option>
            {SEVERITIES.map((name) => (
              <option key={name} value={name}>{words.severity[name]}</option>
            ))}
          </select>
        </label>
        <label>
          {words.findings.kind}
          <select value={kind ?? ""} onChange={(event) => setKind(event.target.value)}>
            <option value="">{common.all}</option>
            {KINDS.map((name) => (
              <option key={name} value={name}>{words.kind[name]}</option>
            ))}
          </select>
        </label>
        <DeploymentSelect value={deployment ?? ""} change={setDeployment} all={common.all} />
        <Owner key={owner ?? ""} value={owner ?? ""} change={setOwner} />
        <label>
          {words.findings.age}
          <select value={age ?? ""} onChange={(event) => setAge(event.target.value)}>
            <option value="">{words.findings.anyAge}</option>
            {AGES.map((days) => (
              <option key={days} value={days}>{words.findings.olderThan(days)}</option>
            ))}
          </select>
        </label>
        <label className="row">
          <input type="checkbox" checked={overdue !== null} onChange={(event) => setOverdue(event.target.checked ? "1" : null)} />
          {words.findings.overdue}
        </label>
        <button type="button" disabled={found.items.length === 0} onClick={() => save("findings.csv", "text/csv", csv(found.items, columns))}>
          {common.exportCsv}
        </button>
      </div>
      <List of={found} columns={columns} id={(row) => row.id} label={words.findings.list} empty={state === null && isPlain ? `${words.findings.emptyOpen} ${words.findings.empty}` : words.findings.empty} />
    </Panel>
  );
}

/** Asked for when it was written, not with every letter. */
function Owner({ value, change }: { value: string; change: (value: string) => void }) {
  const { watch: words } = useWords();
  const [text, setText] = useState(value);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change(text.trim());
  };
  return (
    <form onSubmit={submit}>
      <label>
        {words.findings.assignee}
        <input value={text} placeholder={words.findings.ownerHint} onChange={(event) => setText(event.target.value)} onBlur={() => text.trim() !== value && change(text.trim())} />
      </label>
    </form>
  );
}

function Report() {
  const { watch: words, common } = useWords();
  const [isOpen, setOpen] = useState(false);
  const [wanted, setWanted] = useState({ deployment: "", kind: "quality" as Schemas["FindingKind"], severity: "warning" as Schemas["FindingSeverity"], about: "", slice: "", text: "" });
  const report = useReportFinding();
  const set = (part: Partial<typeof wanted>) => setWanted({ ...wanted, ...part });
  const close = () => {
    setOpen(false);
    report.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { slice, ...rest } = wanted;
    report.mutate({ ...rest, ...(slice === "" ? {} : { slice }) }, { onSuccess: close });
  };
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>{words.findings.report}</button>
      <Ask title={words.findings.report} isOpen={isOpen} close={close}>
        <form onSubmit={submit}>
          <p>{words.findings.reportHint}</p>
          <DeploymentSelect value={wanted.deployment} change={(deployment) => set({ deployment })} />
          <label>
            {words.findings.kind}
            <select value={wanted.kind} onChange={(event) => set({ kind: event.target.value as Schemas["FindingKind"] })}>
              {KINDS.map((name) => (
                <option key={name} value={name}>{words.kind[name]}</option>
              ))}
            </select>
          </label>
          <label>
            {words.findings.severity}
            <select value={wanted.severity} onChange={(event) => set({ severity: event.target.value as Schemas["FindingSeverity"] })}>
              {SEVERITIES.map((name) => (
                <option key={name} value={name}>{words.severity[name]}</option>
              ))}
            </select>
          </label>
          <label>
            {words.findings.about}
            <input required value={wanted.about} onChange={(event) => set({ about: event.target.value })} />
          </label>
          <label>
            {words.findings.slice}
            <input value={wanted.slice} placeholder={words.findings.all} onChange={(event) => set({ slice: event.target.value })} />
          </label>
          <label>
            {words.findings.text}
            <textarea required rows={3} value={wanted.text} onChange={(event) => set({ text: event.target.value })} />
          </label>
          {report.error !== null && <Wrong error={report.error} />}
          <div className="actions">
            <button type="button" onClick={close}>{common.cancel}</button>
            <button type="submit" className="primary" disabled={report.isPending}>{words.findings.submit}</button>
          </div>
        </form>
      </Ask>
    </>
  );
}
