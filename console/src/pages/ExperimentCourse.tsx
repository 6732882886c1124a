// The primary metric of an experiment, drawn: each arm's interval beside zero, and how one of them went.
import { useMemo } from "react";
import type { Schemas } from "../api/client";
import { useWords } from "../i18n";
import { useAddress } from "../ui/address";
import { Empty } from "../ui/basics";
import { Forest } from "../ui/contrast";
import Plot, { type Line } from "../ui/Plot";

type Report = Schemas["ExperimentReport"];

/** How an arm's interval went, over the units of which the metric was known. */
export function courseOf(trail: readonly Schemas["ReportedPoint"][], arm: string): { units: number[]; difference: number[]; lower: number[]; upper: number[] } {
  const course = { units: [] as number[], difference: [] as number[], lower: [] as number[], upper: [] as number[] };
  for (const point of trail) {
    const found = point.intervals.find((one) => one.arm === arm);
    // A line goes one way: what settles later is drawn when it is known.
    if (!found || point.units <= (course.units.at(-1) ?? -1)) continue;
    course.units.push(point.units);
    course.difference.push(found.difference);
    course.lower.push(found.lower);
    course.upper.push(found.upper);
  }
  return course;
}

export default function Course({ of, report, metric, format }: { of: Schemas["Experiment"]; report: Report; metric: Schemas["ReportedMetric"]; format: (value: number) => string }) {
  const own = useWords().trials;
  const [chosen, choose] = useAddress("arm");
  const band = of.definition.minimum_effect;
  const effects = metric.contrasts.flatMap(({ arm, difference, lower, upper }) => (difference == null || lower == null || upper == null ? [] : [{ label: arm, value: difference, lower, upper }]));
  const names = metric.contrasts.map(({ arm }) => arm);
  const arm = chosen !== null && names.includes(chosen) ? chosen : (report.leader ?? names[0] ?? "");
  const { times, lines } = useMemo(() => {
    const course = courseOf(report.trail ?? [], arm);
    const flat = (value: number) => course.units.map(() => value);
    const lines: Line[] = [
      { label: own.difference, values: course.difference },
      { label: own.lower, values: course.lower },
      { label: own.upper, values: course.upper },
      { label: own.zero, values: flat(0) },
      ...(band ? [{ label: own.effect, values: flat(band) }] : []),
    ];
    return { times: course.units, lines };
  }, [report.trail, arm, own, band]);
  if (effects.length === 0) return <Empty>{own.noCourse}</Empty>;
  return (
    <>
      <Forest title={own.forest(metric.name)} of={effects} format={format} band={band} />
      <div className="bar">
        <label>
          {own.shownArm}
          <select value={arm} onChange={(event) => choose(event.target.value)}>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      {times.length < 2 ? <Empty>{own.noCourse}</Empty> : <Plot title={`${own.course(metric.name)}: ${arm}`} times={times} lines={lines} counts={own.units} format={format} />}
      <p className="soft small">{own.courseHint}</p>
    </>
  );
}
