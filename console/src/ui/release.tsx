// What rollouts, gates and tiers look like, everywhere alike; and stepping in for a reason.
import { type FormEvent, type ReactNode, useState } from "react";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useSession } from "../api/queries";
import { type CheckState, type Tier, useStep, type Verb } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Ask, Badge, type Column, type Tone, When, Wrong } from "./basics";
import { DeploymentLink } from "./words";

const PHASES: Record<Schemas["RolloutPhase"], Tone> = { running: "good", held: "warn", inconclusive: "warn", rolled_back: "bad", promoted: "good" };
const STATES: Record<CheckState, Tone> = { pass: "good", not_applicable: "idle", exempted: "warn", stale: "bad", not_evaluable: "bad", fail: "bad" };
const TIERS: Record<Tier, Tone> = { T0: "idle", T1: "good", T2: "warn", T3: "bad", T4: "bad" };

export function PhaseBadge({ of }: { of: Schemas["RolloutPhase"] }) {
  const words = useWords().releases.phase;
  return <Badge tone={PHASES[of]}>{words[of]}</Badge>;
}
export function StateBadge({ of }: { of: CheckState }) {
  const words = useWords().gate.state;
  return <Badge tone={STATES[of] ?? "idle"}>{words[of] ?? of}</Badge>;
}
export function TierBadge({ of }: { of: string | null | undefined }) {
  const words = useWords().assess;
  const tier = of as Tier;
  return <Badge tone={TIERS[tier] ?? "idle"}>{words.tiers[tier] ?? words.not}</Badge>;
}

export const rolloutPath = (of: Schemas["Rollout"]) => `/deployments/${encodeURIComponent(of.deployment)}/rollouts/${of.id}`;
export const gatePath = (name: string, version?: number) => `/deployments/${encodeURIComponent(name)}/gate${version === undefined ? "" : `?version=${version}`}`;

/** A part, without digits that say nothing. */
export const percent = (value: number) => `${Number((value * 100).toPrecision(3))} %`;
/** How many to 1. */
/** What answers when the model does not, in the order in which it is asked. */
export const fallback = (of: Schemas["Fallback"], before: string) =>
  [...(of.previous ? [before] : []), ...(of.rules ?? []), ...(of.outputs?.length ? [of.outputs.join(", ")] : [])].join("; ");

export function odds(value: number): string {
  if (value >= 1e6) return "> 1,000,000";
  return value >= 100 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString();
}
/** Seconds as people plan them. */
export function period(seconds: number): string {
  const units: [number, string][] = [[86_400, "d"], [3600, "h"], [60, "min"]];
  const [size, unit] = units.find(([size]) => seconds >= size && seconds % size === 0) ?? [1, "s"];
  return `${seconds / size} ${unit}`;
}

/** The columns of a list of rollouts. */
export function useRolloutColumns(): Column<Schemas["Rollout"]>[] {
  const words = useWords().releases;
  const gets = (row: Schemas["Rollout"]) => (row.ended_at ? "–" : row.percent === 0 ? words.shadow : words.share(row.percent));
  return [
    { name: words.deployment, cell: (row) => <DeploymentLink name={row.deployment} />, text: (row) => row.deployment },
    {
      name: words.versions,
      cell: (row) => (
        <Link href={rolloutPath(row)}>
          {row.incumbent} → {row.candidate}
          {row.is_drill && ` (${words.drill})`}
        </Link>
      ),
      text: (row) => `${row.incumbent} → ${row.candidate}`,
    },
    { name: useWords().common.state, cell: (row) => <PhaseBadge of={row.phase} />, text: (row) => row.phase },
    { name: words.step, cell: (row) => words.of(row.step, row.steps.length), text: (row) => `${row.step}/${row.steps.length}` },
    { name: words.exposure, cell: gets, text: (row) => String(row.ended_at ? 0 : row.percent) },
    { name: words.counts, cell: (row) => (row.candidates + row.pairs).toLocaleString(), text: (row) => String(row.candidates + row.pairs), isNumber: true },
    { name: words.why, cell: (row) => row.reason ?? "–", text: (row) => row.reason ?? "" },
    { name: words.since, cell: (row) => <When at={row.started_at} />, text: (row) => row.started_at },
    { name: words.until, cell: (row) => <When at={row.ended_at} />, text: (row) => row.ended_at ?? "" },
  ];
}

/** Says which actions the roles of who is signed in lack, so that what is absent explains itself. */
export function Lacks({ actions }: { actions: readonly string[] }) {
  const session = useSession().data;
  const words = useWords().releases;
  const lacking = actions.filter((action) => !may(session, action));
  return lacking.length === 0 ? null : <p className="soft small">{words.lacks(lacking.join(", "))}</p>;
}

/** A button that asks first, in a dialog with a form. */
export function Asked({ label, title, says, tone, submit, pending, error, reset, act, disabled, children }: {
  label: string;
  title?: string;
  says: ReactNode;
  tone?: "danger" | "primary";
  submit?: string;
  pending: boolean;
  error: unknown;
  reset: () => void;
  /** Does it, and calls back when it is done. */
  act: (done: () => void) => void;
  disabled?: boolean;
  children?: ReactNode;
}) {
  const words = useWords().common;
  const [isOpen, setOpen] = useState(false);
  const close = () => {
    setOpen(false);
    reset();
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    act(close);
  };
  return (
    <>
      <button type="button" className={tone} disabled={disabled} onClick={() => setOpen(true)}>
        {label}
      </button>
      <Ask title={title ?? label} isOpen={isOpen} close={close}>
        <form onSubmit={send}>
          <p>{says}</p>
          {children}
          {error !== null && error !== undefined && <Wrong error={error} />}
          <div className="actions">
            <button type="button" onClick={close}>
              {words.cancel}
            </button>
            <button type="submit" className={tone ?? "primary"} disabled={pending}>
              {submit ?? label}
            </button>
          </div>
        </form>
      </Ask>
    </>
  );
}

/** The longest reason that is kept, in characters. */
export const MAX_REASON = 2000;

export function Reason({ value, change }: { value: string; change: (value: string) => void }) {
  const words = useWords().common;
  return (
    <label>
      {words.reason}
      <input required value={value} maxLength={MAX_REASON} onChange={(event) => change(event.target.value)} />
    </label>
  );
}

/** A person steps in: asked first, with a reason that is recorded. */
export function StepIn({ name, verb }: { name: string; verb: Verb }) {
  const words = useWords().releases;
  const step = useStep(name);
  const [reason, setReason] = useState("");
  const isGrave = verb === "rollback" || verb === "kill";
  return (
    <Asked
      label={words.verbs[verb]}
      title={`${words.verbs[verb]}: ${name}`}
      says={words.asks[verb]}
      {...(isGrave ? { tone: "danger" as const } : {})}
      pending={step.isPending}
      error={step.error}
      reset={() => {
        step.reset();
        setReason("");
      }}
      act={(done) => step.mutate({ verb, reason }, { onSuccess: done })}
    >
      <Reason value={reason} change={setReason} />
    </Asked>
  );
}
