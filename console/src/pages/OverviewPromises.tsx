// The five promises per deployment, each with what it rests on; what is tried now; what is wrong.
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useDeployments, useSession, useStatus } from "../api/queries";
import { type GateResult, useGates, useOpenFindings, useRollouts, useStanding } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Badge, Empty, Loaded, Panel, Table, type Tone } from "../ui/basics";
import { gatePath, PhaseBadge, rolloutPath, TierBadge } from "../ui/release";
import { DeploymentLink } from "../ui/words";

export function UnderWay() {
  const words = useWords().promises;
  const rollouts = useRollouts();
  return (
    <Panel title={words.releases} aside={<Link href="/releases">{useWords().nav.releases}</Link>}>
      <Loaded of={rollouts}>
        {() => {
          const now = rollouts.items.filter(({ ended_at }) => !ended_at);
          return now.length === 0 ? (
            <span className="soft">{words.noReleases}</span>
          ) : (
            <ul className="plain-list">
              {now.map((of) => (
                <li key={of.id}>
                  <Link href={rolloutPath(of)}>
                    {of.deployment}: {of.incumbent} → {of.candidate}
                  </Link>{" "}
                  <PhaseBadge of={of.phase} />
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
    </Panel>
  );
}

export function OpenFindings() {
  const words = useWords().promises;
  const findings = useOpenFindings(true);
  return (
    <Panel title={words.open}>
      <Loaded of={findings}>
        {({ items, next_cursor }) => (
          <Link href="/findings" className="figure">
            {items.length.toLocaleString()}
            {next_cursor ? "+" : ""}
          </Link>
        )}
      </Loaded>
    </Panel>
  );
}

interface Held {
  tone: Tone;
  says: string;
  why: string;
  href?: string;
}

export function Promises() {
  const words = useWords();
  const said = words.promises;
  const deployments = useDeployments();
  const items = deployments.items.filter((of) => !of.archived_at);
  return (
    <Panel title={said.title}>
      <p className="soft small">{said.hint}</p>
      <Loaded of={deployments}>
        {() =>
          items.length === 0 ? (
            <Empty>{words.overview.noDeployments}</Empty>
          ) : (
            <Table
              of={items}
              label={said.title}
              id={(of) => of.id}
              columns={[
                { name: words.common.name, cell: (of) => <DeploymentLink name={of.name} /> },
                { name: said.assessed, cell: (of) => <TierBadge of={of.tier} /> },
                { name: said.recorded, cell: (of) => <Recorded of={of} /> },
                { name: said.governed, cell: (of) => <Governed of={of} /> },
                { name: said.watched, cell: (of) => <Watched of={of} /> },
                { name: said.closed, cell: (of) => <Closed of={of} /> },
                { name: said.provable, cell: () => <Provable /> },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

function Promise({ of }: { of: Held }) {
  const badge = <Badge tone={of.tone}>{of.says}</Badge>;
  return <span title={of.why}>{of.href ? <Link href={of.href}>{badge}</Link> : badge}</span>;
}

function NotKnown() {
  const words = useWords();
  return <Promise of={{ tone: "idle", says: words.promises.unknown, why: words.common.notAllowed }} />;
}

type Of = { of: Schemas["Deployment"] };

function Recorded({ of }: Of) {
  const said = useWords().promises;
  const session = useSession().data;
  const status = useStatus(may(session, "ReadStatus"));
  if (status.data === undefined) return <NotKnown />;
  const { is_healthy } = status.data.ledger;
  const isBounded = of.mode === "bounded";
  if (!is_healthy) return <Promise of={{ tone: "bad", says: said.no, why: said.whyNot, href: "/ledger" }} />;
  return <Promise of={{ tone: isBounded ? "warn" : "good", says: isBounded ? said.partly : said.yes, why: isBounded ? said.whyBounded(of.mode) : said.whyRecorded(of.mode), href: "/ledger" }} />;
}

function Governed({ of }: Of) {
  const said = useWords().promises;
  const number = of.released?.number;
  const standing = useStanding(of.name, number);
  const gates = useGates(of.name);
  if (number === undefined) return <Promise of={{ tone: "idle", says: "–", why: said.noVersion }} />;
  if (standing.data === undefined || gates.data === undefined) return <NotKnown />;
  const { gate_asked, is_allowed, is_emergency, reasons } = standing.data;
  const href = gatePath(of.name, number);
  if (!gate_asked) return <Promise of={{ tone: "idle", says: "–", why: said.sandbox, href }} />;
  if (is_allowed && !is_emergency) return <Promise of={{ tone: "good", says: said.yes, why: said.standing, href }} />;
  // What was let in stays so: a gate is judged for releases, not for answers.
  const released = of.released?.released_at ?? "";
  const passed = gates.items.find((run) => run.version === number && run.is_passed && Date.parse(run.at) <= Date.parse(released));
  if (passed) return <Promise of={{ tone: "good", says: said.yes, why: `${said.letIn(passed.at)}: ${reasons.join("; ")}`, href }} />;
  return <Promise of={{ tone: "bad", says: said.no, why: `${said.ungoverned}: ${reasons.join("; ")}`, href }} />;
}

function Watched({ of }: Of) {
  const said = useWords().promises;
  const session = useSession().data;
  const findings = useOpenFindings(may(session, "ListFindings"));
  if (findings.data === undefined) return <NotKnown />;
  const open = findings.data.items.filter(({ deployment }) => deployment === of.name);
  const isBad = open.some(({ severity }) => severity === "critical");
  const href = `/findings?deployment=${encodeURIComponent(of.name)}`;
  if (open.length === 0) return <Promise of={{ tone: "good", says: said.noFindings, why: said.noFindings, href }} />;
  return <Promise of={{ tone: isBad ? "bad" : "warn", says: String(open.length), why: said.findings(open.length), href }} />;
}

/** What the gate found of contract and access, where one is judged: elsewhere nobody looked. */
const CLOSED: readonly string[] = ["SCH-01", "ACC-01"];

function Closed({ of }: Of) {
  const said = useWords().promises;
  const number = of.released?.number;
  const standing = useStanding(of.name, number);
  const demands = ((standing.data?.result as GateResult | undefined)?.demands ?? []).filter(({ demand }) => CLOSED.includes(demand.check));
  if (demands.length === 0) return <Promise of={{ tone: "idle", says: "–", why: said.notJudged }} />;
  const isClosed = demands.every(({ state }) => state === "pass");
  const why = demands.map(({ demand, lines }) => `${demand.check}: ${lines.map(({ says }) => says).join(", ")}`).join("; ");
  return <Promise of={{ tone: isClosed ? "good" : "bad", says: isClosed ? said.yes : said.no, why, href: gatePath(of.name, number) }} />;
}

function Provable() {
  const said = useWords().promises;
  const session = useSession().data;
  const status = useStatus(may(session, "ReadStatus"));
  if (status.data === undefined) return <NotKnown />;
  const { is_signing } = status.data.ledger.log;
  return <Promise of={{ tone: is_signing ? "good" : "bad", says: is_signing ? said.yes : said.no, why: is_signing ? said.signed : said.unsigned, href: "/ledger" }} />;
}
