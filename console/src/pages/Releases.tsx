// Rollouts of all deployments: what is tried now, and what came of what was tried.
import { useDeployments } from "../api/queries";
import { useRollouts } from "../api/releases";
import { useWords } from "../i18n";
import { useAddress } from "../ui/address";
import { csv, Head, List, Panel, save } from "../ui/basics";
import { useRolloutColumns } from "../ui/release";
import { Views } from "../ui/views";
import { StartAnywhere } from "./RolloutStart";

const PHASES = ["running", "held", "inconclusive", "promoted", "rolled_back"] as const;

export default function Releases() {
  const words = useWords();
  const rollouts = useRollouts();
  const deployments = useDeployments();
  const columns = useRolloutColumns();
  const [phase, setPhase] = useAddress("phase");
  const [deployment, setDeployment] = useAddress("deployment");
  const items = rollouts.items.filter((of) => (phase === null || of.phase === phase) && (deployment === null || of.deployment === deployment));
  return (
    <>
      <Head title={words.releases.title}>
        <Views />
        <StartAnywhere />
        <button type="button" disabled={items.length === 0} onClick={() => save("rollouts.csv", "text/csv", csv(items, columns))}>
          {words.common.exportCsv}
        </button>
      </Head>
      <Panel>
        <div className="bar">
          <label>
            {words.releases.deployment}
            <select value={deployment ?? ""} onChange={(event) => setDeployment(event.target.value)}>
              <option value="">{words.common.all}</option>
              {deployments.items.map(({ name, id }) => (
                <option key={id}>{name}</option>
              ))}
            </select>
          </label>
          <label>
            {words.common.state}
            <select value={phase ?? ""} onChange={(event) => setPhase(event.target.value)}>
              <option value="">{words.common.all}</option>
              {PHASES.map((one) => (
                <option key={one} value={one}>
                  {words.releases.phase[one]}
                </option>
              ))}
            </select>
          </label>
        </div>
        <List
          of={{ ...rollouts, items }}
          label={words.releases.title}
          id={(of) => of.id}
          empty={rollouts.items.length === 0 ? words.releases.empty : words.releases.none}
          columns={columns}
        />
      </Panel>
    </>
  );
}
