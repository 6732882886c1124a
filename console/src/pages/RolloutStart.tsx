// Starting a rollout: which version, in which steps, held to which guardrails.
import { useState } from "react";
import { useLocation } from "wouter";
import type { Schemas } from "../api/client";
import { useDeployments, useSession, useVersions } from "../api/queries";
import { useStartRollout } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Asked, rolloutPath } from "../ui/release";

type Step = Schemas["RolloutStep"];
type Guardrail = Schemas["RolloutGuardrail"];
type Plan = "usual" | "swift" | "shadow" | "own";
type Preset = "usual" | "strict" | "outages";

const WEEK = 7 * 24 * 3600;
const step = (percent: number, requests_min: number, seconds_min: number): Step => ({ percent, requests_min, seconds_min, seconds_max: WEEK });
/** As the server has it unless told; others beside it. */
const STEPS: Record<Plan, Step[]> = {
  usual: [step(0, 500, 300), step(1, 500, 300), step(5, 1000, 300), step(25, 2000, 300)],
  swift: [step(5, 500, 60), step(50, 1000, 60)],
  shadow: [step(0, 500, 300)],
  own: [step(5, 100, 60)],
};
const GUARDRAILS: Record<Preset, Guardrail[] | undefined> = {
  usual: undefined,
  strict: [
    { kind: "errors", weight: 5 },
    { kind: "refusals", weight: 1 },
    { kind: "latency", weight: 1, tolerance: 1.125 },
    { kind: "score", weight: 1.5, margin: 0.05 },
    { kind: "mix", weight: 1.5, margin: 0.025 },
  ],
  outages: [
    { kind: "errors", weight: 5 },
    { kind: "refusals", weight: 1 },
    { kind: "latency", weight: 1 },
  ],
};
/** The most steps of a plan. */
const MAX_STEPS = 16;

/** For a deployment where a version answers. */
export function StartRollout({ of, version }: { of: Schemas["Deployment"]; version?: number }) {
  const words = useWords();
  const said = words.releases;
  const versions = useVersions(of.model);
  const start = useStartRollout(of.name);
  const [, go] = useLocation();
  const [number, setNumber] = useState<number | null>(version ?? null);
  const [plan, setPlan] = useState<Plan>("usual");
  const [own, setOwn] = useState<Step[]>(STEPS.own);
  const [preset, setPreset] = useState<Preset>("usual");
  const [chance, setChance] = useState(1);
  const others = versions.items.filter((one) => one.number !== of.released?.number);
  const body = (chosen: number): Schemas["StartRollout"] => {
    const guardrails = GUARDRAILS[preset];
    return {
      version: chosen,
      ...(plan === "usual" ? {} : { steps: plan === "own" ? own : STEPS[plan] }),
      ...(guardrails === undefined ? {} : { guardrails }),
      ...(chance === 1 ? {} : { false_rollback: chance / 100 }),
    };
  };
  const change = (place: number, part: Partial<Step>) => setOwn(own.map((one, n) => (n === place ? { ...one, ...part } : one)));
  return (
    <Asked
      label={said.start}
      title={`${said.start}: ${of.name}`}
      says={said.startHint}
      submit={said.submit}
      pending={start.isPending || number === null}
      error={start.error}
      reset={start.reset}
      act={(done) =>
        number !== null &&
        start.mutate(body(number), {
          onSuccess: (begun) => {
            done();
            go(rolloutPath(begun));
          },
        })
      }
    >
      <label>
        {words.common.version}
        <select required value={number ?? ""} onChange={(event) => setNumber(Number(event.target.value))}>
          <option value="" disabled />
          {others.map((one) => (
            <option key={one.number} value={one.number}>
              {one.number} · {one.author_name} · {one.digest.slice(0, 12)}
            </option>
          ))}
        </select>
      </label>
      {versions.data !== undefined && others.length === 0 && <p className="note warn">{said.noOther}</p>}
      <label>
        {said.plan}
        <select value={plan} onChange={(event) => setPlan(event.target.value as Plan)}>
          {(Object.keys(STEPS) as Plan[]).map((one) => (
            <option key={one} value={one}>
              {said.plans[one]}
            </option>
          ))}
        </select>
      </label>
      {plan === "own" && (
        <fieldset className="stack">
          <legend>{said.plans.own}</legend>
          {own.map((one, place) => (
            // biome-ignore: steps have no other name than their place.
            <div className="bar" key={place}>
              <label>
                {said.percent}
                <input type="number" min={0} max={100} step="any" required value={one.percent} onChange={(event) => change(place, { percent: Number(event.target.value) })} />
              </label>
              <label>
                {said.atLeast}
                <input type="number" min={1} required value={one.requests_min} onChange={(event) => change(place, { requests_min: Number(event.target.value) })} />
              </label>
              <label>
                {said.seconds}
                <input type="number" min={0} required value={one.seconds_min} onChange={(event) => change(place, { seconds_min: Number(event.target.value) })} />
              </label>
              {own.length > 1 && (
                <button type="button" aria-label={said.removeStep(place + 1)} onClick={() => setOwn(own.filter((_, n) => n !== place))}>
                  ×
                </button>
              )}
            </div>
          ))}
          <button type="button" disabled={own.length >= MAX_STEPS} onClick={() => setOwn([...own, { ...(own.at(-1) ?? step(0, 100, 60)), percent: Math.min(100, (own.at(-1)?.percent ?? 0) * 2 || 5) }])}>
            {said.addStep}
          </button>
        </fieldset>
      )}
      <label>
        {said.guardrails}
        <select value={preset} onChange={(event) => setPreset(event.target.value as Preset)}>
          {(Object.keys(GUARDRAILS) as Preset[]).map((one) => (
            <option key={one} value={one}>
              {said.presets[one]}
            </option>
          ))}
        </select>
      </label>
      <label>
        {said.chance}
        <input type="number" min={0.01} max={50} step="any" required value={chance} onChange={(event) => setChance(Number(event.target.value))} />
      </label>
    </Asked>
  );
}

/** From the page of all releases: the deployment is chosen first. */
export function StartAnywhere() {
  const words = useWords().releases;
  const session = useSession().data;
  const deployments = useDeployments();
  const [name, setName] = useState("");
  if (!may(session, "Release")) return null;
  const possible = deployments.items.filter((of) => of.released && !of.archived_at && !of.observe);
  const chosen = possible.find((of) => of.name === name);
  return possible.length === 0 ? null : (
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
        <StartRollout key={chosen.id} of={chosen} />
      ) : (
        <button type="button" disabled>
          {words.start}
        </button>
      )}
    </>
  );
}
