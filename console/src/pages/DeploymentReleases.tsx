// The releases of a deployment: who answers now, what was tried, and the way back, proved.
import type { Schemas } from "../api/client";
import { useSession } from "../api/queries";
import { useExperimentsOf } from "../api/experiments";
import { useDrill, useRollout, useRolloutsOf } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { duration } from "../time";
import { csv, List, Panel, save, Table, Wrong } from "../ui/basics";
import { fallback, Lacks, useRolloutColumns } from "../ui/release";
import { useExperimentColumns } from "./Experiments";
import { StartExperiment } from "./ExperimentStart";

type Of = { of: Schemas["Deployment"] };

export default function DeploymentReleases({ of }: Of) {
  const words = useWords();
  const rollouts = useRolloutsOf(of.name);
  const columns = useRolloutColumns().slice(1);
  return (
    <>
      <Routes of={of} />
      <Panel
        title={words.releases.tab}
        aside={
          <button type="button" disabled={rollouts.items.length === 0} onClick={() => save(`rollouts-${of.name}.csv`, "text/csv", csv(rollouts.items, columns))}>
            {words.common.exportCsv}
          </button>
        }
      >
        <List of={rollouts} label={words.releases.tab} id={(one) => one.id} empty={words.releases.empty} columns={columns} />
      </Panel>
      <Experiments of={of} />
      <Drill of={of} />
    </>
  );
}

function Experiments({ of }: Of) {
  const words = useWords().trials;
  const session = useSession().data;
  const experiments = useExperimentsOf(of.name);
  const columns = useExperimentColumns().filter(({ name }) => name !== words.deployment);
  return (
    <Panel title={words.title} aside={of.released && !of.observe && may(session, "Release") && <StartExperiment of={of} />}>
      <List of={experiments} label={words.title} id={(one) => one.id} empty={words.emptyHere} columns={columns} />
    </Panel>
  );
}

interface Way {
  route: string;
  answers: string;
  gets: string;
}

/** Which versions take requests now, and by which way. */
function Routes({ of }: Of) {
  const words = useWords();
  const said = words.releases;
  const rollouts = useRolloutsOf(of.name);
  const under = rollouts.items.find(({ ended_at }) => !ended_at);
  const rollout = useRollout(of.name, under?.id ?? "current", under !== undefined);
  const tried = under && rollout.data && !rollout.data.ended_at ? rollout.data : under;
  const share = tried?.percent ?? 0;
  const isOff = of.killed === true;
  const standsIn = of.fallback ? said.fallback(fallback(of.fallback, words.deployments.versionBefore)) : said.refusal;
  const ways: Way[] = [
    { route: said.route.primary, answers: isOff ? said.route.off : of.released ? said.version(of.released.number) : said.nobody, gets: isOff ? "0 %" : `${100 - share} %` },
    ...(tried ? [{ route: share === 0 ? said.route.shadow : said.route.canary, answers: said.version(tried.candidate), gets: share === 0 ? said.shadow : `${share} %` }] : []),
    { route: said.route.fallback, answers: standsIn, gets: isOff ? "100 %" : "–" },
  ];
  return (
    <Panel title={said.routes}>
      {isOff && (
        <p className="note bad" role="alert">
          {said.killed}
        </p>
      )}
      <Table
        of={ways}
        label={said.routes}
        id={(way) => way.route}
        columns={[
          { name: words.decision.route, cell: (way) => way.route },
          { name: said.answers, cell: (way) => way.answers },
          { name: said.exposure, cell: (way) => way.gets },
        ]}
      />
    </Panel>
  );
}

function Drill({ of }: Of) {
  const words = useWords().releases;
  const session = useSession().data;
  const drill = useDrill(of.name);
  return (
    <Panel title={words.drillStart}>
      <p className="soft small">{words.drillHint}</p>
      {may(session, "RollBack") && (
        <button type="button" disabled={drill.isPending || !of.released || of.killed === true} onClick={() => drill.mutate()}>
          {words.drillStart}
        </button>
      )}
      <Lacks actions={["RollBack"]} />
      {drill.error !== null && <Wrong error={drill.error} />}
      {drill.data && (
        <p className={`note ${drill.data.requests > 0 ? "good" : "warn"}`} role="status">
          {drill.data.requests > 0 ? words.drillDone(drill.data.requests, duration(drill.data.took_us * 1e3)) : words.drillIdle}
        </p>
      )}
    </Panel>
  );
}
