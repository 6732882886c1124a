// The evidence of a rollout, drawn: each guardrail's e-value against its threshold, over the answers that were compared.
import { useMemo } from "react";
import type { Schemas } from "../api/client";
import { useWords } from "../i18n";
import { useAddress } from "../ui/address";
import { Empty } from "../ui/basics";
import Plot, { type Line } from "../ui/Plot";
import { odds } from "../ui/release";

/** Short enough for an axis. */
const short = (value: number) => (value >= 1e6 ? `${odds(value / 1e6)}M` : value >= 1000 ? `${odds(value / 1000)}k` : odds(value));

export default function RolloutEvidence({ of }: { of: Schemas["Rollout"] }) {
  const words = useWords().releases;
  const [chosen, choose] = useAddress("guardrail");
  const trail = of.trail ?? [];
  const names = of.evidence.map(({ guardrail }) => guardrail);
  const one = chosen !== null && names.includes(chosen) ? names.indexOf(chosen) : -1;
  // biome-ignore: lines are made anew when there are other points, not at every look.
  const { times, lines } = useMemo(() => drawn(trail, of.evidence, one, words.threshold), [trail.length, trail.at(-1)?.seen, one, words]);
  if (trail.length === 0) return <Empty>{words.noTrail}</Empty>;
  const isAll = one < 0;
  return (
    <>
      <div className="bar">
      <label>
        {words.guardrail}
        <select value={isAll ? "" : (chosen ?? "")} onChange={(event) => choose(event.target.value)}>
          <option value="">{words.allRelative}</option>
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      </div>
      <Plot
        title={isAll ? `${words.evidence}: ${words.allRelative}` : `${words.evidence}: ${names[one]}`}
        times={times}
        lines={lines}
        counts={words.seen}
        format={isAll ? (value) => `${Math.round(value)} %` : (value) => words.odds(short(10 ** value))}
      />
    </>
  );
}

/** What is drawn: one guardrail's e-value by its logarithm, or all as parts of what rolls back, on the same scale. */
export function drawn(trail: readonly Schemas["RolloutPoint"][], evidence: readonly Schemas["RolloutEvidence"][], one: number, threshold: string): { times: number[]; lines: Line[] } {
  const times = trail.map(({ seen }) => seen);
  const goal = (place: number) => Math.log10(Math.max(evidence[place]?.goal ?? 10, 1 + 1e-9));
  if (one >= 0) {
    return {
      times,
      lines: [
        { label: evidence[one]?.guardrail ?? "", values: trail.map(({ log10 }) => log10[one] ?? 0) },
        { label: threshold, values: trail.map(() => goal(one)) },
      ],
    };
  }
  const lines = evidence.map(({ guardrail }, place) => ({
    label: guardrail,
    // Evidence for the candidate is none against it.
    values: trail.map(({ log10 }) => Math.max(0, ((log10[place] ?? 0) / goal(place)) * 100)),
  }));
  return { times, lines: [...lines, { label: threshold, values: trail.map(() => 100) }] };
}
