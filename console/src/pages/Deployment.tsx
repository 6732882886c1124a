// One deployment: what answers, by which contract, under which limits; and releasing a version.
import { type FormEvent, lazy, Suspense, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useContract, useDeployment, useEvents, useLatest, useRelease, useReviewSummary, useRollBack, useSession, useVersions } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { useAddress } from "../ui/address";
import { Ask, Badge, Empty, Facts, Head, List, Loaded, Panel, Short, Skeleton, Table, type Tone, When, Wrong } from "../ui/basics";
import { fallback, gatePath, StepIn } from "../ui/release";
import { ModelLink, useDecisionColumns } from "../ui/words";
import { StartRollout } from "./RolloutStart";

// Charts are loaded when somebody looks at them.
const Live = lazy(() => import("./DeploymentLive"));
const Releases = lazy(() => import("./DeploymentReleases"));
const Monitoring = lazy(() => import("./DeploymentMonitoring"));
const Performance = lazy(() => import("./DeploymentPerformance"));
const Fairness = lazy(() => import("./DeploymentFairness"));

export default function Deployment({ name }: { name: string }) {
  const words = useWords();
  const session = useSession().data;
  const deployment = useDeployment(name);
  const [tab, setTab] = useAddress("tab");
  return (
    <>
      <Head title={name}>
        {deployment.data && may(session, "Release") && <ReleaseVersion of={deployment.data} />}
        {deployment.data?.released && may(session, "Release") && <StartRollout of={deployment.data} />}
        {deployment.data?.released && may(session, "RollBack") && <RollBack of={deployment.data} />}
        {deployment.data && !deployment.data.observe && may(session, "RollBack") && <StepIn name={name} verb={deployment.data.killed ? "revive" : "kill"} />}
        <Link className="button" href={gatePath(name)}>
          {words.gate.title}
        </Link>
        <Link className="button" href={`/decisions?deployment=${encodeURIComponent(name)}`}>
          {words.nav.decisions}
        </Link>
      </Head>
      <Loaded of={deployment}>
        {(found) => (
          <Tabs className="tabs" selectedKey={tab ?? "now"} onSelectionChange={(key) => setTab(key === "now" ? null : String(key))}>
            <TabList aria-label={name}>
              <Tab id="now">{words.deployments.now}</Tab>
              {may(session, "TailDecisions") && <Tab id="live">{words.common.live}</Tab>}
              <Tab id="releases">{words.releases.tab}</Tab>
              {may(session, "ReadMonitoring") && <Tab id="monitoring">{words.watch.monitoring.tab}</Tab>}
              {may(session, "ReadPerformance") && <Tab id="performance">{words.watch.performance.tab}</Tab>}
              {may(session, "ReadFairness") && <Tab id="fairness">{words.watch.fairness.tab}</Tab>}
              {may(session, "ReadContract") && <Tab id="contract">{words.deployments.contract}</Tab>}
              {may(session, "ReadEvents") && <Tab id="history">{words.deployments.history}</Tab>}
            </TabList>
            <TabPanel id="now">
              <div className="grid">
                <Served of={found} />
                <Limits of={found} />
                {may(session, "ListReviews") && <Reviewed name={name} />}
              </div>
              {may(session, "ListDecisions") && <Latest name={name} />}
            </TabPanel>
            <TabPanel id="live">
              <Suspense fallback={<Skeleton />}>
                <Live name={name} />
              </Suspense>
            </TabPanel>
            <TabPanel id="releases">
              <Suspense fallback={<Skeleton />}>
                <Releases of={found} />
              </Suspense>
            </TabPanel>
            {(
              [
                ["monitoring", Monitoring],
                ["performance", Performance],
                ["fairness", Fairness],
              ] as const
            ).map(([id, Watched]) => (
              <TabPanel key={id} id={id}>
                <Suspense fallback={<Skeleton />}>
                  <Watched name={name} />
                </Suspense>
              </TabPanel>
            ))}
            <TabPanel id="contract">
              <Contract digest={found.contract} />
            </TabPanel>
            <TabPanel id="history">
              <History name={name} />
            </TabPanel>
          </Tabs>
        )}
      </Loaded>
    </>
  );
}

function Served({ of }: { of: Schemas["Deployment"] }) {
  const words = useWords();
  return (
    <Panel title={words.deployments.answers}>
      <div className="stack">
        <div>
          <Badge tone={of.archived_at ? "idle" : of.is_ready ? "good" : "bad"}>
            {of.archived_at ? words.deployments.archived : of.is_ready ? words.overview.ready : words.overview.notReady}
          </Badge>
        </div>
        {of.killed && <div className="note bad">{words.releases.killed}</div>}
        {of.not_ready_reason && <div className="note bad">{of.not_ready_reason}</div>}
        <Facts
          of={[
            [words.deployments.model, <ModelLink key="model" name={of.model} />],
            [words.common.version, of.released?.number],
            [words.deployments.released, <When key="released" at={of.released?.released_at} />],
            [words.common.digest, <Short key="digest" of={of.released?.digest} />],
            [words.deployments.environment, of.environment],
            [words.deployments.tier, of.tier],
            [words.common.owner, of.owner],
          ]}
        />
      </div>
    </Panel>
  );
}

function Limits({ of }: { of: Schemas["Deployment"] }) {
  const words = useWords();
  return (
    <Panel title={words.deployments.limits}>
      <Facts
        of={[
          [words.deployments.mode, of.mode],
          [words.deployments.explain, of.explain],
          [words.deployments.review, of.review.mode],
          [words.deployments.deadline, `${of.deadline_ms} ms`],
          [words.deployments.inFlight, of.max_in_flight],
          [words.deployments.retention, of.retention_days ? words.deployments.days(of.retention_days) : words.deployments.forever],
          [words.deployments.fallback, of.fallback ? fallback(of.fallback, words.deployments.versionBefore) : words.common.none],
        ]}
      />
    </Panel>
  );
}

const share = (value: number | null | undefined) => (typeof value === "number" ? `${(value * 100).toFixed(1)} %` : "–");

function Reviewed({ name }: { name: string }) {
  const words = useWords();
  const summary = useReviewSummary();
  return (
    <Panel title={words.deployments.review}>
      <Loaded of={summary}>
        {({ deployments }) => {
          const found = deployments.find((of) => of.deployment === name);
          return found ? (
            <Facts
              of={[
                [words.reviews.waiting, found.waiting],
                [words.deployments.share, share(found.reviewed_share)],
                [words.deployments.overrides, share(found.override_rate)],
                [words.deployments.median, typeof found.median_seconds === "number" ? words.ledger.seconds(found.median_seconds) : "–"],
              ]}
            />
          ) : (
            <span className="soft">{words.common.none}</span>
          );
        }}
      </Loaded>
    </Panel>
  );
}

function Latest({ name }: { name: string }) {
  const words = useWords();
  const latest = useLatest(8, name);
  const columns = useDecisionColumns();
  return (
    <Panel title={words.overview.recent}>
      <Loaded of={latest}>
        {({ items }) =>
          items.length === 0 ? <Empty>{words.overview.noDecisions}</Empty> : <Table label={words.overview.recent} of={items} id={(row) => row.id} columns={columns} />
        }
      </Loaded>
    </Panel>
  );
}

function Contract({ digest }: { digest: string }) {
  const words = useWords();
  const contract = useContract(digest);
  const bounds = (field: Schemas["Field"]) => {
    const from = field.min ?? field.exclusive_min;
    const to = field.max ?? field.exclusive_max;
    const text = [
      from != null && `${field.min != null ? "≥" : ">"} ${from}`,
      to != null && `${field.max != null ? "≤" : "<"} ${to}`,
      field.values?.join(", "),
      field.max_length != null && `≤ ${field.max_length}`,
      field.pattern,
      field.unit,
    ];
    return text.filter(Boolean).join(" · ");
  };
  return (
    <Panel title={words.deployments.contract} aside={<Short of={digest} />}>
      <Loaded of={contract}>
        {({ contract: { features, context } }) => (
          <Table
            label={words.deployments.contract}
            of={[...features, ...(context ?? [])]}
            id={(field) => field.name}
            columns={[
              { name: words.deployments.field, cell: (field) => <code title={field.description ?? undefined}>{field.name}</code> },
              { name: words.deployments.kind, cell: (field) => field.kind },
              { name: words.deployments.bounds, cell: bounds },
              { name: words.deployments.nullable, cell: (field) => (field.nullable ? words.common.yes : words.common.no) },
              { name: words.deployments.classed, cell: (field) => field.class ?? "none" },
              { name: words.deployments.violation, cell: (field) => field.on_violation ?? "refuse" },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function ReleaseVersion({ of }: { of: Schemas["Deployment"] }) {
  const words = useWords();
  const [isOpen, setOpen] = useState(false);
  const versions = useVersions(of.model);
  const release = useRelease(of.name);
  const [number, setNumber] = useState<number | null>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (number !== null) release.mutate(number, { onSuccess: () => setOpen(false) });
  };
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        {words.deployments.release}
      </button>
      <Ask title={`${words.deployments.release}: ${of.name}`} isOpen={isOpen} close={() => setOpen(false)}>
        <form onSubmit={submit}>
          <p>{words.deployments.releaseHint}</p>
          <label>
            {words.common.version}
            <select required value={number ?? ""} onChange={(event) => setNumber(Number(event.target.value))}>
              <option value="" disabled />
              {versions.items.map((version) => (
                <option key={version.number} value={version.number} disabled={version.number === of.released?.number}>
                  {version.number} · {version.author_name} · {version.digest.slice(0, 12)}
                </option>
              ))}
            </select>
          </label>
          {release.error !== null && <Wrong error={release.error} />}
          <div className="actions">
            <button type="button" onClick={() => setOpen(false)}>
              {words.common.cancel}
            </button>
            <button type="submit" className="primary" disabled={release.isPending || number === null}>
              {words.deployments.releaseSubmit}
            </button>
          </div>
        </form>
      </Ask>
    </>
  );
}

/** Back to the version before, at once: for when something is wrong now. */
function RollBack({ of }: { of: Schemas["Deployment"] }) {
  const words = useWords();
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const back = useRollBack(of.name);
  const close = () => {
    setOpen(false);
    setReason("");
    back.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    back.mutate(reason, { onSuccess: close });
  };
  return (
    <>
      <button type="button" className="danger" onClick={() => setOpen(true)}>
        {words.deployments.rollBack}
      </button>
      <Ask title={`${words.deployments.rollBack}: ${of.name}`} isOpen={isOpen} close={close}>
        <form onSubmit={submit}>
          <p>{words.deployments.rollBackHint(of.released?.number ?? 0)}</p>
          <label>
            {words.common.reason}
            <input required value={reason} maxLength={2000} onChange={(event) => setReason(event.target.value)} />
          </label>
          {back.error !== null && <Wrong error={back.error} />}
          <div className="actions">
            <button type="button" onClick={close}>
              {words.common.cancel}
            </button>
            <button type="submit" className="danger" disabled={back.isPending}>
              {words.deployments.rollBack}
            </button>
          </div>
        </form>
      </Ask>
    </>
  );
}

const TONES: Record<string, Tone> = { completed: "good", failed: "bad", denied: "warn" };

/** What was done to the deployment, by whom: of the control events that were read so far. */
function History({ name }: { name: string }) {
  const words = useWords();
  const events = useEvents();
  const isAbout = (resource: string) => resource === `deployment/${name}` || resource.startsWith(`release/${name}/`);
  const shown = { ...events, items: events.items.filter(({ resource }) => isAbout(resource)) };
  const says = (payload: unknown) =>
    typeof payload === "object" && payload !== null
      ? Object.entries({ ...payload, ...(payload as { facts?: object }).facts })
          .filter(([, value]) => typeof value !== "object")
          .map(([key, value]) => `${key}: ${String(value)}`)
          .join(" · ")
      : "";
  return (
    <Panel>
      <List
        of={shown}
        label={words.deployments.history}
        id={(event) => event.id + event.stage}
        empty={words.deployments.noHistory}
        columns={[
          { name: words.common.time, cell: (event) => <When at={event.time} /> },
          { name: words.ledger.stage, cell: (event) => <Badge tone={TONES[event.stage] ?? "idle"}>{words.ledger[event.stage]}</Badge> },
          { name: words.ledger.action, cell: (event) => event.action },
          { name: words.ledger.by, cell: (event) => event.principal_name ?? event.principal },
          { name: words.deployments.details, cell: (event) => <span className="small">{says(event.payload)}</span> },
        ]}
      />
    </Panel>
  );
}
