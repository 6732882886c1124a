// Experiments of all deployments: what is compared now, and what came of what was compared.
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useExperimentsOfAll } from "../api/experiments";
import { useDeployments } from "../api/queries";
import { useWords } from "../i18n";
import { useAddress } from "../ui/address";
import { Badge, type Column, csv, Empty, Head, Loaded, Panel, save, Skeleton, Table, type Tone, When } from "../ui/basics";
import { Views } from "../ui/views";
import { DeploymentLink } from "../ui/words";
import { StartExperimentAnywhere } from "./ExperimentStart";

type Experiment = Schemas["Experiment"];

/** Deployments that are asked for their experiments at once. */
const AT_ONCE = 50;

const TONES: Record<Schemas["ExperimentPhase"], Tone> = { running: "good", stopped: "idle", shipped: "good" };
export const PHASES = Object.keys(TONES) as Schemas["ExperimentPhase"][];
export const experimentPath = (of: Experiment) => `/deployments/${encodeURIComponent(of.deployment)}/experiments/${of.id}`;

export function ExperimentPhase({ of }: { of: Schemas["ExperimentPhase"] }) {
  return <Badge tone={TONES[of]}>{useWords().trials.phase[of]}</Badge>;
}

/** The columns of a list of experiments. */
export function useExperimentColumns(): Column<Experiment>[] {
  const words = useWords();
  const own = words.trials;
  const arms = (row: Experiment) => row.definition.arms.map(({ name, version, percent }) => `${name} (${version}, ${percent} %)`).join(", ");
  const primary = (row: Experiment) => row.definition.metrics.find(({ role }) => role === "primary")?.name ?? "–";
  return [
    { name: own.since, cell: (row) => <Link href={experimentPath(row)}><When at={row.started_at} /></Link>, text: (row) => row.started_at },
    { name: own.deployment, cell: (row) => <DeploymentLink name={row.deployment} />, text: (row) => row.deployment },
    { name: words.common.state, cell: (row) => <ExperimentPhase of={row.phase} />, text: (row) => row.phase },
    { name: own.arms, cell: arms, text: arms },
    { name: own.role.primary, cell: primary, text: primary },
    { name: own.stopped, cell: (row) => row.stopped.map(({ arm, why }) => `${arm}: ${why}`).join(", ") || "–", text: (row) => row.stopped.map(({ arm, why }) => `${arm}: ${why}`).join(", ") },
    { name: own.until, cell: (row) => <When at={row.ended_at} />, text: (row) => row.ended_at ?? "" },
  ];
}

export default function Experiments() {
  const words = useWords();
  const own = words.trials;
  const deployments = useDeployments();
  const [deployment, setDeployment] = useAddress("deployment");
  const [phase, setPhase] = useAddress("phase");
  const names = deployments.items.filter(({ observe }) => !observe).map(({ name }) => name);
  return (
    <>
      <Head title={own.title}>
        <Views />
        <StartExperimentAnywhere />
      </Head>
      <Panel>
        <div className="bar">
          <label>
            {own.deployment}
            <select value={deployment ?? ""} onChange={(event) => setDeployment(event.target.value)}>
              <option value="">{words.common.all}</option>
              {names.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <label>
            {words.common.state}
            <select value={phase ?? ""} onChange={(event) => setPhase(event.target.value)}>
              <option value="">{words.common.all}</option>
              {PHASES.map((one) => (
                <option key={one} value={one}>
                  {own.phase[one]}
                </option>
              ))}
            </select>
          </label>
        </div>
        <Loaded of={deployments}>{() => <Found names={names.filter((name) => deployment === null || name === deployment).slice(0, AT_ONCE)} phase={phase} />}</Loaded>
      </Panel>
    </>
  );
}

function Found({ names, phase }: { names: readonly string[]; phase: string | null }) {
  const words = useWords();
  const own = words.trials;
  const found = useExperimentsOfAll(names);
  const columns = useExperimentColumns();
  if (found.some(({ isPending }) => isPending)) return <Skeleton />;
  const all = found.flatMap(({ data }) => data?.items ?? []).sort((one, other) => other.started_at.localeCompare(one.started_at));
  const items = all.filter((one) => phase === null || one.phase === phase);
  if (items.length === 0) return <Empty>{all.length === 0 ? own.empty : own.none}</Empty>;
  return (
    <>
      <div className="bar">
        <button type="button" onClick={() => save("experiments.csv", "text/csv", csv(items, columns))}>
          {words.common.exportCsv}
        </button>
      </div>
      <Table isBare of={items} label={own.title} id={(one) => one.id} columns={columns} />
    </>
  );
}
