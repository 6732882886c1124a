// Starting an experiment: which versions get which shares, and by what they are compared.
import { useState } from "react";
import { useLocation } from "wouter";
import type { Schemas } from "../api/client";
import { useStartExperiment } from "../api/experiments";
import { useDeployments, useSession, useVersions } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Asked } from "../ui/release";
import { experimentPath } from "./Experiments";

type Arm = Schemas["ExperimentArm"];
type Kind = Schemas["MetricKind"];
const KINDS: Kind[] = ["outcome", "positive", "score", "value"];
const MAX_ARMS = 16;

/** Shares alike, to a hundredth. */
const alike = (arms: readonly Arm[]): Arm[] => arms.map((arm) => ({ ...arm, percent: Math.floor(10_000 / arms.length) / 100 }));

/** For a deployment where a version answers. */
export function StartExperiment({ of }: { of: Schemas["Deployment"] }) {
  const words = useWords();
  const own = words.trials;
  const versions = useVersions(of.model);
  const start = useStartExperiment(of.name);
  const [, go] = useLocation();
  const control = of.released?.number ?? 0;
  const others = versions.items.map(({ number }) => number).filter((number) => number !== control);
  const [chosen, choose] = useState<Arm[] | null>(null);
  const [metric, setMetric] = useState({ name: "outcome", kind: "outcome" as Kind, outcome: "outcome", positive: "", goal: "increase" as Schemas["MetricGoal"] });
  const [effect, setEffect] = useState("");
  const [units, setUnits] = useState("10000");
  const arms = chosen ?? alike([{ name: own.control.toLowerCase(), version: control, percent: 50 }, { name: "b", version: others[0] ?? 0, percent: 50 }]);
  const change = (place: number, part: Partial<Arm>) => choose(arms.map((arm, n) => (n === place ? { ...arm, ...part } : arm)));
  const { name, kind, goal, outcome, positive } = metric;
  const body: Schemas["StartExperiment"] = {
    arms,
    metrics: [{ name, kind, goal, role: "primary", ...(kind === "outcome" ? { outcome, ...(positive ? { positive } : {}) } : {}) }],
    units: Number(units),
    ...(effect ? { minimum_effect: Number(effect) } : {}),
  };
  return (
    <Asked
      label={own.start}
      title={`${own.start}: ${of.name}`}
      says={own.startAsk}
      submit={own.submit}
      pending={start.isPending || arms.some(({ version }) => version === 0)}
      error={start.error}
      reset={() => {
        start.reset();
        choose(null);
      }}
      act={(done) =>
        start.mutate(body, {
          onSuccess: (begun) => {
            done();
            go(experimentPath(begun));
          },
        })
      }
    >
      {versions.data !== undefined && others.length === 0 && <p className="note warn">{words.releases.noOther}</p>}
      <fieldset className="stack">
        <legend>{own.arms}</legend>
        {arms.map((arm, place) => (
          // biome-ignore: arms may be called anything while they are written.
          <div className="bar" key={place}>
            <label>
              {own.armName}
              <input required size={8} maxLength={63} value={arm.name} onChange={(event) => change(place, { name: event.target.value })} />
            </label>
            <label>
              {words.common.version}
              <select value={arm.version} disabled={place === 0} onChange={(event) => change(place, { version: Number(event.target.value) })}>
                {(place === 0 ? [control] : others).map((number) => (
                  <option key={number}>{number}</option>
                ))}
              </select>
            </label>
            <label>
              {own.percent}
              <input type="number" required min={0.01} max={100} step="any" value={arm.percent} onChange={(event) => change(place, { percent: Number(event.target.value) })} />
            </label>
            {place > 1 && (
              <button type="button" aria-label={own.removeArm(arm.name)} onClick={() => choose(alike(arms.filter((_, n) => n !== place)))}>
                ×
              </button>
            )}
          </div>
        ))}
        <button type="button" disabled={arms.length >= MAX_ARMS || others.length === 0} onClick={() => choose(alike([...arms, { name: String.fromCharCode(97 + arms.length), version: others[arms.length - 1] ?? others[0] ?? 0, percent: 0 }]))}>
          {own.addArm}
        </button>
      </fieldset>
      <label>
        {own.metricName}
        <input required maxLength={63} value={name} onChange={(event) => setMetric({ ...metric, name: event.target.value })} />
      </label>
      <div className="bar">
        <label>
          {own.kindOf}
          <select value={kind} onChange={(event) => setMetric({ ...metric, kind: event.target.value as Kind })}>
            {KINDS.map((one) => (
              <option key={one} value={one}>
                {own.kind[one]}
              </option>
            ))}
          </select>
        </label>
        <label>
          {own.way}
          <select value={goal} onChange={(event) => setMetric({ ...metric, goal: event.target.value as Schemas["MetricGoal"] })}>
            <option value="increase">{own.goal.increase}</option>
            <option value="decrease">{own.goal.decrease}</option>
          </select>
        </label>
      </div>
      {kind === "outcome" && (
        <div className="bar">
          <label>
            {own.outcomeOf}
            <input required value={outcome} onChange={(event) => setMetric({ ...metric, outcome: event.target.value })} />
          </label>
          <label>
            {own.positiveOf}
            <input value={positive} onChange={(event) => setMetric({ ...metric, positive: event.target.value })} />
          </label>
        </div>
      )}
      <div className="bar">
        <label>
          {own.effectLeast}
          <input type="number" min={0} step="any" value={effect} onChange={(event) => setEffect(event.target.value)} />
        </label>
        <label>
          {own.planned}
          <input type="number" required min={1} value={units} onChange={(event) => setUnits(event.target.value)} />
        </label>
      </div>
    </Asked>
  );
}

/** From the page of all experiments: the deployment is chosen first. */
export function StartExperimentAnywhere() {
  const words = useWords().trials;
  const session = useSession().data;
  const deployments = useDeployments();
  const [name, setName] = useState("");
  const possible = deployments.items.filter((of) => of.released && !of.archived_at && !of.observe);
  const chosen = possible.find((of) => of.name === name);
  if (!may(session, "Release") || possible.length === 0) return null;
  return (
    <>
      <label className="row">
        {words.deployment}
        <select value={name} onChange={(event) => setName(event.target.value)}>
          <option value="" />
          {possible.map((of) => (
            <option key={of.id}>{of.name}</option>
          ))}
        </select>
      </label>
      {chosen ? (
        <StartExperiment key={chosen.id} of={chosen} />
      ) : (
        <button type="button" disabled>
          {words.start}
        </button>
      )}
    </>
  );
}
