// What waits for a person, and what people changed.
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import type { Schemas } from "../api/client";
import { useReviews, useReviewSummary } from "../api/queries";
import { useWords } from "../i18n";
import { useAddress } from "../ui/address";
import { Badge, Empty, Head, List, Loaded, Panel, Table, When } from "../ui/basics";
import { DecisionLink, DeploymentLink, ResultBadge } from "../ui/words";

const STATES = ["waiting", "accepted", "overridden"] as const;

export default function Reviews() {
  const words = useWords();
  return (
    <>
      <Head title={words.reviews.title} />
      <Tabs className="tabs">
        <TabList aria-label={words.reviews.title}>
          <Tab id="queue">{words.reviews.queue}</Tab>
          <Tab id="effect">{words.reviews.effect}</Tab>
        </TabList>
        <TabPanel id="queue">
          <Queue />
        </TabPanel>
        <TabPanel id="effect">
          <Effect />
        </TabPanel>
      </Tabs>
    </>
  );
}

function Queue() {
  const words = useWords();
  const [chosen, setState] = useAddress("state");
  const state = (STATES as readonly string[]).includes(chosen ?? "") ? (chosen as Schemas["ReviewState"]) : "waiting";
  const cases = useReviews(state);
  return (
    <Panel>
      <div className="bar">
        <label>
          {words.common.state}
          <select value={state} onChange={(event) => setState(event.target.value)}>
            {STATES.map((one) => (
              <option key={one} value={one}>
                {words.reviews[one]}
              </option>
            ))}
          </select>
        </label>
      </div>
      <List
        of={cases}
        label={words.reviews.queue}
        id={(found) => found.decision.id}
        empty={words.reviews.empty}
        columns={[
          { name: words.common.time, cell: (found) => <When at={found.decision.time} /> },
          { name: words.decisions.id, cell: (found) => <DecisionLink id={found.decision.id} /> },
          { name: words.decisions.deployment, cell: (found) => <DeploymentLink name={found.decision.deployment} /> },
          { name: words.decisions.result, cell: (found) => <ResultBadge of={found.decision.result} /> },
          { name: words.reviews.why, cell: (found) => words.reviews[found.why] },
          { name: words.common.state, cell: (found) => <Badge tone={found.state === "waiting" ? "warn" : "idle"}>{words.reviews[found.state]}</Badge> },
          { name: words.reviews.reviewer, cell: (found) => found.reviewer_name ?? "–" },
        ]}
      />
    </Panel>
  );
}

function Effect() {
  const words = useWords();
  const summary = useReviewSummary();
  const share = (value: number | null | undefined) => (typeof value === "number" ? `${(value * 100).toFixed(1)} %` : "–");
  return (
    <Panel>
      <Loaded of={summary}>
        {({ deployments }) =>
          deployments.length === 0 ? (
            <Empty>{words.reviews.empty}</Empty>
          ) : (
            <Table
              label={words.reviews.effect}
              of={deployments}
              id={(found) => found.deployment}
              columns={[
                { name: words.decisions.deployment, cell: (found) => <DeploymentLink name={found.deployment} /> },
                { name: words.reviews.waiting, cell: (found) => found.waiting, isNumber: true },
                { name: words.deployments.share, cell: (found) => share(found.reviewed_share), isNumber: true },
                { name: words.deployments.overrides, cell: (found) => share(found.override_rate), isNumber: true },
                { name: words.reviews.contested, cell: (found) => found.contested, isNumber: true },
                { name: words.deployments.median, cell: (found) => (typeof found.median_seconds === "number" ? words.ledger.seconds(found.median_seconds) : "–"), isNumber: true },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}
