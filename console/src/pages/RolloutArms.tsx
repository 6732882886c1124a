// What passes a deployment while a version is tried in it, by version and way: as the server sends it.
import { useMemo } from "react";
import { useLive } from "../api/live";
import { useWords } from "../i18n";
import { Badge, Empty, Table } from "../ui/basics";
import Plot, { type Line } from "../ui/Plot";

interface Arm {
  label: string;
  version: number | null;
  route: string;
  result: string;
  count: number;
}

export default function RolloutArms({ name }: { name: string }) {
  const words = useWords();
  const { seconds, state } = useLive(name);
  const { times, lines, arms } = useMemo(() => {
    const found = new Map<string, Arm & { values: number[] }>();
    seconds.forEach(({ traffic }, place) => {
      for (const { version, route, result, count } of traffic) {
        const label = `${words.releases.version(version ?? 0)} · ${route ?? "–"} · ${words.result[result] ?? result}`;
        const held = found.get(label) ?? { label, version: version ?? null, route: route ?? "–", result, count: 0, values: new Array<number>(seconds.length).fill(0) };
        held.count += count;
        held.values[place] = (held.values[place] ?? 0) + count;
        found.set(label, held);
      }
    });
    const arms = [...found.values()].sort((one, other) => one.label.localeCompare(other.label));
    const lines: Line[] = arms.map(({ label, values }) => ({ label, values }));
    return { times: seconds.map(({ time }) => Date.parse(time) / 1000), lines, arms };
  }, [seconds, words]);
  return (
    <>
      <p>
        <Badge tone={state === "open" ? "good" : state === "ended" ? "bad" : "warn"}>{words.live[state]}</Badge> <span className="soft">{words.live.since(seconds.length)}</span>
      </p>
      {arms.length === 0 ? (
        <Empty>{words.common.notYet}</Empty>
      ) : (
        <>
          <Plot title={words.releases.arms} times={times} lines={lines} format={(value) => Number(value.toFixed(1)).toString()} height={160} />
          <Table
            of={arms}
            label={words.releases.arms}
            id={(arm) => arm.label}
            columns={[
              { name: words.common.version, cell: (arm) => arm.version ?? "–", isNumber: true },
              { name: words.decision.route, cell: (arm) => arm.route },
              { name: words.decisions.result, cell: (arm) => arm.result },
              { name: words.live.count, cell: (arm) => arm.count.toLocaleString(), isNumber: true },
            ]}
          />
        </>
      )}
    </>
  );
}
