// What results, decisions and deployments look like, everywhere alike.
import { Link } from "wouter";
import type { Result } from "../api/queries";
import type { Schemas } from "../api/client";
import { useWords } from "../i18n";
import { Badge, type Column, type Tone, When } from "./basics";

const TONES: Record<Result, Tone> = {
  answered: "good",
  replayed: "good",
  held: "warn",
  refused: "warn",
  failed: "bad",
  timed_out: "bad",
  abandoned: "bad",
};
export const RESULTS = Object.keys(TONES) as Result[];

export function ResultBadge({ of }: { of: Result }) {
  const words = useWords();
  return <Badge tone={TONES[of] ?? "idle"}>{words.result[of] ?? of}</Badge>;
}

export const DecisionLink = ({ id }: { id: string }) => (
  <Link href={`/decisions/${id}`} className="mono">
    {id}
  </Link>
);
export const DeploymentLink = ({ name }: { name: string }) => <Link href={`/deployments/${encodeURIComponent(name)}`}>{name}</Link>;
export const ModelLink = ({ name }: { name: string }) => <Link href={`/models/${encodeURIComponent(name)}`}>{name}</Link>;

/** The columns of a list of decisions. */
export function useDecisionColumns(): Column<Schemas["DecisionSummary"]>[] {
  const words = useWords();
  return [
    { name: words.common.time, cell: (row) => <When at={row.time} />, text: (row) => row.time },
    { name: words.decisions.id, cell: (row) => <DecisionLink id={row.id} />, text: (row) => row.id },
    { name: words.decisions.deployment, cell: (row) => <DeploymentLink name={row.deployment} />, text: (row) => row.deployment },
    { name: words.common.version, cell: (row) => row.version ?? "–", text: (row) => String(row.version ?? ""), isNumber: true },
    { name: words.decision.route, cell: (row) => row.route ?? "–", text: (row) => row.route ?? "" },
    { name: words.decisions.result, cell: (row) => <ResultBadge of={row.result} />, text: (row) => row.result },
    { name: words.decisions.phase, cell: (row) => row.refused_in ?? "", text: (row) => row.refused_in ?? "" },
  ];
}
