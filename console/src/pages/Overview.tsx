// The installation at a glance: does it record, does it answer, what waits for a person.
import { Link } from "wouter";
import { useDeployments, useLatest, useReviewSummary, useSession, useStatus } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Badge, Empty, Facts, Head, Loaded, Panel, Table, When } from "../ui/basics";
import { DeploymentLink, useDecisionColumns } from "../ui/words";
import { OpenFindings, Promises, UnderWay } from "./OverviewPromises";

export default function Overview() {
  const words = useWords();
  const session = useSession().data;
  return (
    <>
      <Head title={words.overview.title} />
      <div className="grid">
        {may(session, "ReadStatus") && <Ledger />}
        {may(session, "ListReviews") && <Reviews />}
        {may(session, "ListFindings") && <OpenFindings />}
        {may(session, "ListDeployments") && <UnderWay />}
      </div>
      {may(session, "ListDeployments") && <Promises />}
      {may(session, "ListDeployments") && <Deployments />}
      {may(session, "ListDecisions") && <Latest />}
    </>
  );
}

function Ledger() {
  const words = useWords();
  const status = useStatus();
  return (
    <Panel title={words.overview.ledger}>
      <Loaded of={status}>
        {({ ledger, started_at }) => (
          <div className="stack">
            <div>
              <Badge tone={ledger.is_healthy ? "good" : "bad"}>{ledger.is_healthy ? words.overview.healthy : words.overview.unhealthy}</Badge>{" "}
              <Badge tone={ledger.log.is_signing ? "good" : "bad"}>{ledger.log.is_signing ? words.overview.signing : words.overview.notSigning}</Badge>
            </div>
            {(ledger.reason ?? ledger.log.reason) && <div className="note bad">{ledger.reason ?? ledger.log.reason}</div>}
            <Facts
              of={[
                [words.overview.records, ledger.records.toLocaleString()],
                [words.overview.published, ledger.log.published.toLocaleString()],
                [words.overview.witnessed, ledger.log.witnessed.toLocaleString()],
                [words.overview.waiting, ledger.queued.toLocaleString()],
                [words.overview.started, <When key="started" at={started_at} />],
              ]}
            />
          </div>
        )}
      </Loaded>
    </Panel>
  );
}

function Reviews() {
  const words = useWords();
  const summary = useReviewSummary();
  return (
    <Panel title={words.overview.reviews}>
      <Loaded of={summary}>
        {({ deployments }) => (
          <Link href="/reviews" className="figure">
            {deployments.reduce((sum, of) => sum + of.waiting, 0).toLocaleString()}
          </Link>
        )}
      </Loaded>
    </Panel>
  );
}

function Deployments() {
  const words = useWords();
  const deployments = useDeployments();
  return (
    <Panel title={words.overview.deployments}>
      <Loaded of={deployments}>
        {() =>
          deployments.items.length === 0 ? (
            <Empty>{words.overview.noDeployments}</Empty>
          ) : (
            <Table
              label={words.overview.deployments}
              of={deployments.items.filter((found) => !found.archived_at)}
              id={(found) => found.id}
              columns={[
                { name: words.common.name, cell: (found) => <DeploymentLink name={found.name} /> },
                { name: words.deployments.environment, cell: (found) => found.environment },
                {
                  name: words.common.state,
                  cell: (found) => (
                    <Badge tone={found.is_ready ? "good" : "bad"}>{found.is_ready ? words.overview.ready : words.overview.notReady}</Badge>
                  ),
                },
                { name: words.deployments.answers, cell: (found) => (found.released ? `${found.model} ${found.released.number}` : "–") },
                { name: words.deployments.tier, cell: (found) => found.tier },
                { name: words.common.owner, cell: (found) => found.owner },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

function Latest() {
  const words = useWords();
  const latest = useLatest(12);
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
