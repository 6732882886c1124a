// Whether a version may answer in a deployment, on what evidence, and who consents.
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useDeployment, useRelease, useSession, useVersions } from "../api/queries";
import { type CheckState, type GateAnswer, type GateResult, useCatalogue, useGates, useRunGate, useStanding } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { useAddress } from "../ui/address";
import { Badge, type Column, csv, Empty, Facts, Head, List, Loaded, Panel, save, Short, Table, When, Wrong } from "../ui/basics";
import { Asked, gatePath, Lacks, StateBadge, TierBadge } from "../ui/release";
import { Approvals } from "./GateApprovals";
import { Difference } from "./GateDifference";
import { Exceptions, Glass } from "./GateExceptions";
import { Statements } from "./GateStatements";
import { StartRollout } from "./RolloutStart";

export const resultOf = (of: Schemas["ReleaseStanding"] | undefined) => (of?.result ?? null) as GateResult | null;

export default function Gate({ name }: { name: string }) {
  const words = useWords();
  const deployment = useDeployment(name);
  return (
    <>
      <Loaded of={deployment}>{(of) => <OfDeployment of={of} />}</Loaded>
      {deployment.data === undefined && <Head title={words.gate.of(name)} />}
    </>
  );
}

function OfDeployment({ of }: { of: Schemas["Deployment"] }) {
  const words = useWords();
  const versions = useVersions(of.model);
  const [asked, choose] = useAddress("version");
  const latest = versions.items.reduce((most, version) => Math.max(most, version.number), 0);
  const number = Number(asked ?? latest);
  return (
    <>
      <Head
        title={
          <>
            {words.gate.title}: <Link href={`/deployments/${encodeURIComponent(of.name)}`}>{of.name}</Link>
          </>
        }
      >
        <label className="row">
          {words.gate.version}
          <select value={number || ""} onChange={(event) => choose(event.target.value)}>
            {versions.items.map((version) => (
              <option key={version.number} value={version.number}>
                {version.number} · {words.gate.author} {version.author_name}
              </option>
            ))}
          </select>
        </label>
      </Head>
      <Loaded of={versions}>{() => (versions.items.length === 0 ? <Empty>{words.gate.noVersions}</Empty> : <OfVersion key={number} of={of} number={number} />)}</Loaded>
    </>
  );
}

function OfVersion({ of, number }: { of: Schemas["Deployment"]; number: number }) {
  const words = useWords().gate;
  const statements = useWords().attest.tab;
  const standing = useStanding(of.name, number);
  const session = useSession().data;
  const [tab, setTab] = useAddress("tab");
  return (
    <Loaded of={standing}>
      {(found) => (
        <>
          <Glass name={of.name} />
          <Standing of={found} deployment={of} />
          <Tabs className="tabs" selectedKey={tab ?? "checks"} onSelectionChange={(key) => setTab(key === "checks" ? null : String(key))}>
            <TabList aria-label={words.title}>
              <Tab id="checks">{words.checks}</Tab>
              <Tab id="diff">{words.diff}</Tab>
              <Tab id="approvals">{words.review}</Tab>
              <Tab id="statements">{statements}</Tab>
              <Tab id="exceptions">{words.exceptions}</Tab>
              <Tab id="runs">{words.runs}</Tab>
            </TabList>
            <TabPanel id="checks">
              <Checks of={found} />
            </TabPanel>
            <TabPanel id="diff">
              <Difference deployment={of} number={number} />
            </TabPanel>
            <TabPanel id="approvals">
              <Approvals of={found} />
            </TabPanel>
            <TabPanel id="statements">
              <Statements of={found} />
            </TabPanel>
            <TabPanel id="exceptions">
              <Exceptions name={of.name} />
            </TabPanel>
            <TabPanel id="runs">
              <Runs name={of.name} gate={found.gate ?? null} />
            </TabPanel>
          </Tabs>
          {session && <Lacks actions={["RunGate", "ApproveRelease", "Release"]} />}
        </>
      )}
    </Loaded>
  );
}

function Standing({ of, deployment }: { of: Schemas["ReleaseStanding"]; deployment: Schemas["Deployment"] }) {
  const words = useWords();
  const said = words.gate;
  const session = useSession().data;
  const run = useRunGate(of.deployment);
  const release = useRelease(of.deployment);
  const tone = of.is_emergency ? "bad" : of.is_allowed ? "good" : "bad";
  return (
    <Panel>
      <div className="bar">
        <Badge tone={tone}>{of.is_emergency ? said.emergency : of.is_allowed ? said.allowed : said.refused}</Badge>
        <TierBadge of={of.tier} />
        {!of.gate_asked && <Badge>{said.notAsked}</Badge>}
      </div>
      {!of.gate_asked && <p className="soft small">{said.notAskedHint}</p>}
      {of.reasons.length > 0 && (
        <div className={`note ${of.is_allowed ? "warn" : "bad"}`}>
          <strong>{of.is_emergency ? said.passes : said.why}</strong>
          <ul>
            {of.reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        </div>
      )}
      <Facts
        of={[
          [said.approvals, `${said.people(of.approved_by.length, of.people)}${of.roles.length > 0 ? `; ${said.roles(of.roles.join(", "))}` : ""}`],
          [said.artifact, <Short key="artifact" of={of.artifact} />],
          [said.digest, <Short key="gate" of={of.gate} />],
        ]}
      />
      {run.error !== null && <Wrong error={run.error} />}
      <div className="bar actions">
        {of.tier === undefined && <Link href={`/compliance/${encodeURIComponent(of.deployment)}`} className="button">{said.assess}</Link>}
        {may(session, "RunGate") && of.gate_asked && (
          <button type="button" disabled={run.isPending} onClick={() => run.mutate(of.version)}>
            {run.isPending ? said.running : said.run}
          </button>
        )}
        {may(session, "Release") && deployment.released && deployment.released.number !== of.version && <StartRollout of={deployment} version={of.version} />}
        {may(session, "Release") && deployment.released?.number !== of.version && (
          <Asked label={said.release} says={said.releaseAsk(of.version)} pending={release.isPending} error={release.error} reset={release.reset} act={(done) => release.mutate(of.version, { onSuccess: done })} />
        )}
      </div>
    </Panel>
  );
}

/** What to do about a demand in this state. */
function useFix(): (of: GateAnswer, isDeferrable: boolean) => string {
  const { fix } = useWords().gate;
  return (of, isDeferrable) => {
    const isMissing = of.state === "not_evaluable" && of.lines.every(({ check }) => check === "none");
    const says = isMissing ? fix.none : fix[of.state];
    const isOpen = !["pass", "not_applicable", "exempted"].includes(of.state);
    return isOpen && isDeferrable ? `${says} ${fix.deferrable}` : says;
  };
}

const OPEN: readonly CheckState[] = ["fail", "stale", "not_evaluable"];

function Checks({ of }: { of: Schemas["ReleaseStanding"] }) {
  const words = useWords();
  const said = words.gate;
  const catalogue = useCatalogue();
  const fix = useFix();
  const [shown, show] = useAddress("shown");
  const result = resultOf(of);
  if (result === null) {
    return (
      <Empty>
        {said.noResult} <Link href={`/compliance/${encodeURIComponent(of.deployment)}`}>{said.assess}</Link>
      </Empty>
    );
  }
  const demandOf = (id: string) => catalogue.data?.demands.find((demand) => demand.id === id);
  const dutyOf = (id: string) => catalogue.data?.duties.find((duty) => duty.id === id);
  const rows = result.demands.filter(({ state }) => shown === null || (shown === "open" ? OPEN.includes(state) : state === shown));
  const evidence = (row: GateAnswer) => [...row.lines.map((line) => `${line.check}: ${line.says}`), ...(row.exception ? [row.exception] : [])];
  const columns: Column<GateAnswer>[] = [
    { name: words.common.state, cell: (row) => <StateBadge of={row.state} />, text: (row) => row.state },
    {
      name: said.demand,
      cell: (row) => (
        <>
          <strong>{row.demand.check}</strong> <span className="soft small">{row.demand.blocks ? said.blocks : said.warns}</span>
          <div className="small">{demandOf(row.demand.check)?.question}</div>
        </>
      ),
      text: (row) => row.demand.check,
    },
    {
      name: said.evidence,
      cell: (row) => (
        <>
          {row.lines.map((line) => (
            <div key={line.check} className="small">
              <StateBadge of={line.state} /> <code>{line.check}</code> {line.says}
            </div>
          ))}
          {row.exception && <div className="small">{row.exception}</div>}
        </>
      ),
      text: (row) => evidence(row).join("; "),
    },
    {
      name: said.duties,
      cell: (row) => (
        <ul className="plain-list small">
          {row.demand.duties.map((duty) => (
            <li key={duty}>
              {duty} <span className="soft">{dutyOf(duty)?.source}</span>
            </li>
          ))}
        </ul>
      ),
      text: (row) => row.demand.duties.map((duty) => `${duty} (${dutyOf(duty)?.source ?? ""})`).join("; "),
    },
    {
      name: said.todo,
      cell: (row) => <span className="small">{fix(row, demandOf(row.demand.check)?.deferrable ?? false)}</span>,
      text: (row) => fix(row, demandOf(row.demand.check)?.deferrable ?? false),
    },
  ];
  return (
    <Panel>
      <div className="bar">
        <label>
          {said.shown}
          <select value={shown ?? ""} onChange={(event) => show(event.target.value)}>
            <option value="">{said.allStates}</option>
            <option value="open">{said.open_only}</option>
            {(Object.keys(said.state) as CheckState[]).map((state) => (
              <option key={state} value={state}>
                {said.state[state]} ({result.demands.filter((one) => one.state === state).length})
              </option>
            ))}
          </select>
        </label>
        <button type="button" onClick={() => save(`gate-${of.deployment}-${of.version}.csv`, "text/csv", csv(rows, columns))}>
          {words.common.exportCsv}
        </button>
      </div>
      {rows.length === 0 ? <Empty>{said.noOpen}</Empty> : <Table of={rows} label={said.checks} id={(row) => row.demand.check} columns={columns} />}
    </Panel>
  );
}

function Runs({ name, gate }: { name: string; gate: string | null }) {
  const words = useWords();
  const said = words.gate;
  const runs = useGates(name);
  return (
    <Panel>
      <List
        of={runs}
        label={said.runs}
        id={(run) => run.id}
        empty={said.noRuns}
        columns={[
          { name: said.ran, cell: (run) => <When at={run.at} /> },
          { name: said.version, cell: (run) => <Link href={gatePath(name, run.version)}>{run.version}</Link>, isNumber: true },
          { name: words.common.state, cell: (run) => <Badge tone={run.is_passed ? "good" : "bad"}>{run.is_passed ? said.passed : said.notPassed}</Badge> },
          { name: words.ledger.by, cell: (run) => run.by_name },
          {
            name: said.digest,
            cell: (run) => (
              <>
                <Short of={run.digest} /> {run.digest === gate && <Badge tone="good">{said.current}</Badge>}
              </>
            ),
          },
          { name: said.why, cell: (run) => <span className="small">{(run.result as GateResult).reasons?.join("; ")}</span> },
        ]}
      />
    </Panel>
  );
}
