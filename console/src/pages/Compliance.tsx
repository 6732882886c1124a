// What each deployment's use was assessed as, and what is missing: each row asks for its own, as it is measured now.
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useDeployments, useSession } from "../api/queries";
import { type Assessment, useAssessment } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Badge, Head, List, Loaded, Panel, Skeleton, When } from "../ui/basics";
import { Missing } from "../ui/assessment";
import { gatePath, Lacks, TierBadge } from "../ui/release";
import { DeploymentLink } from "../ui/words";

type Of = { name: string };

export default function Compliance() {
  const words = useWords();
  const said = words.assess;
  const deployments = useDeployments();
  const items = deployments.items.filter((of) => !of.archived_at);
  return (
    <>
      <Head title={said.title} />
      <p className="soft">{said.hint}</p>
      <Panel>
        <List
          of={{ ...deployments, items }}
          label={said.title}
          id={(of) => of.id}
          empty={said.noDeployments}
          columns={[
            { name: words.common.name, cell: (of) => <DeploymentLink name={of.name} /> },
            { name: words.deployments.environment, cell: (of) => of.environment },
            { name: words.deployments.tier, cell: (of) => <Cell name={of.name} show={({ assessment }) => <TierBadge of={(assessment as Assessment).tier} />} none={<Badge>{said.not}</Badge>} /> },
            { name: said.word, cell: (of) => <Cell name={of.name} show={({ assessment }) => said.words[(assessment as Assessment).word]} /> },
            { name: said.missing, cell: (of) => <Cell name={of.name} show={({ assessment }) => <Missing of={assessment as Assessment} />} /> },
            { name: said.unknown, cell: (of) => <Cell name={of.name} show={({ assessment }) => <Unknown of={assessment as Assessment} />} /> },
            {
              name: said.stated,
              cell: (of) => (
                <Cell
                  name={of.name}
                  show={({ by_name, at }) => (
                    <>
                      {by_name}, <When at={at} />
                    </>
                  )}
                />
              ),
            },
            { name: "", cell: (of) => <Ways name={of.name} /> },
          ]}
        />
        <Lacks actions={["AssessDeployment"]} />
      </Panel>
    </>
  );
}

/** A part of a deployment's assessment; all parts of a row are one request. */
function Cell({ name, show, none }: Of & { show: (of: Schemas["StoredAssessment"]) => React.ReactNode; none?: React.ReactNode }) {
  const assessment = useAssessment(name);
  if (assessment.isPending) return <Skeleton lines={1} />;
  return <Loaded of={assessment}>{(found) => (found === null ? (none ?? "–") : show(found))}</Loaded>;
}

function Unknown({ of }: { of: Assessment }) {
  const words = useWords().assess;
  return of.unknown.length === 0 ? <span className="soft">{words.nothing}</span> : <Badge tone="warn">{of.unknown.length}</Badge>;
}

function Ways({ name }: Of) {
  const words = useWords();
  const session = useSession().data;
  const assessment = useAssessment(name);
  return (
    <>
      <Link href={`/compliance/${encodeURIComponent(name)}`}>{may(session, "AssessDeployment") ? (assessment.data ? words.assess.revise : words.assess.state) : words.common.show}</Link>
      {" · "}
      <Link href={gatePath(name)}>{words.gate.title}</Link>
    </>
  );
}
