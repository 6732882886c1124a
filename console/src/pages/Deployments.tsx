// All deployments.
import { useDeployments } from "../api/queries";
import { useWords } from "../i18n";
import { Badge, Head, List, Panel, When } from "../ui/basics";
import { DeploymentLink, ModelLink } from "../ui/words";

export default function Deployments() {
  const words = useWords();
  const deployments = useDeployments();
  return (
    <>
      <Head title={words.deployments.title} />
      <Panel>
        <List
          of={deployments}
          label={words.deployments.title}
          id={(found) => found.id}
          empty={words.overview.noDeployments}
          columns={[
            { name: words.common.name, cell: (found) => <DeploymentLink name={found.name} /> },
            { name: words.deployments.environment, cell: (found) => found.environment },
            {
              name: words.common.state,
              cell: (found) =>
                found.archived_at ? (
                  <Badge>{words.deployments.archived}</Badge>
                ) : (
                  <span title={found.not_ready_reason ?? undefined}>
                    <Badge tone={found.is_ready ? "good" : "bad"}>{found.is_ready ? words.overview.ready : words.overview.notReady}</Badge>
                  </span>
                ),
            },
            { name: words.deployments.model, cell: (found) => <ModelLink name={found.model} /> },
            { name: words.common.version, cell: (found) => found.released?.number ?? "–", isNumber: true },
            { name: words.deployments.tier, cell: (found) => found.tier },
            { name: words.deployments.mode, cell: (found) => found.mode },
            { name: words.common.owner, cell: (found) => found.owner },
            { name: words.common.created, cell: (found) => <When at={found.created_at} /> },
          ]}
        />
      </Panel>
    </>
  );
}
