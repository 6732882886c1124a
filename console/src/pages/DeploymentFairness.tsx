// Whether groups of people were treated alike: rates with intervals, small groups protected, how far apart they are.
import { type FormEvent, useState } from "react";
import type { Schemas } from "../api/client";
import { useFairness } from "../api/watch";
import { useWords } from "../i18n";
import { rangeOf } from "../time";
import { useAddress } from "../ui/address";
import { Badge, type Column, csv, Empty, Loaded, Panel, save, Table } from "../ui/basics";
import { Intervals } from "../ui/figures";
import { RangePicker } from "../ui/Range";
import { useSlices } from "./DeploymentPerformance";

type Group = Schemas["FairnessGroup"];
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
const FOUR_FIFTHS = 0.8;

export default function DeploymentFairness({ name }: { name: string }) {
  const own = useWords().watch.fairness;
  const [range, setRange] = useAddress("range");
  const [by, setBy] = useAddress("by");
  const [text, setText] = useState(by ?? "");
  const [now] = useState(() => Date.now());
  const slices = useSlices(name);
  const report = useFairness(name, { ...rangeOf(range ?? "30d", now), by }, by !== null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBy(text.trim());
  };
  return (
    <Panel>
      <form className="bar" onSubmit={submit}>
        <RangePicker value={range ?? "30d"} change={setRange} now={now} />
        <label>
          {own.by}
          <input list="slices" size={30} required value={text} placeholder={slices.join(", ")} onChange={(event) => setText(event.target.value)} />
          <datalist id="slices">
            {slices.map((key) => (
              <option key={key} value={key} />
            ))}
          </datalist>
        </label>
        <button type="submit" className="primary">{own.compare}</button>
      </form>
      <p className="small soft">{own.byHint}</p>
      {by === null ? <Empty>{own.ask}</Empty> : <Loaded of={report}>{(found) => <Compared of={found} />}</Loaded>}
    </Panel>
  );
}

function Compared({ of }: { of: Schemas["FairnessReport"] }) {
  const own = useWords().watch;
  if (of.comparisons.every(({ groups }) => groups.length === 0)) return <Empty>{own.fairness.empty}</Empty>;
  return (
    <>
      {of.is_cut && <div className="note warn">{own.performance.cut}</div>}
      {of.comparisons.map((comparison) => (
        <Comparison key={comparison.by.join()} of={comparison} least={of.least} />
      ))}
    </>
  );
}

/** Below four fifths; only if all of the interval is, it is said to be broken. */
function FourFifths({ isSure }: { isSure: boolean }) {
  const own = useWords().watch.fairness;
  return <Badge tone={isSure ? "bad" : "warn"}>{isSure ? own.fourFifths : own.perhaps}</Badge>;
}

function Comparison({ of, least }: { of: Schemas["FairnessComparison"]; least: number }) {
  const { watch: words, common } = useWords();
  const own = words.fairness;
  const title = own.groups(of.by.join(" & "));
  const rate = (pick: (group: Group) => Schemas["Rate"] | null | undefined, label: string): Column<Group>[] => [
    {
      name: label,
      isNumber: true,
      cell: (group) => {
        const found = pick(group);
        return found ? `${percent(found.value)} (${percent(found.lower)} … ${percent(found.upper)})` : "–";
      },
      text: (group) => String(pick(group)?.value ?? ""),
    },
  ];
  const columns: Column<Group>[] = [
    { name: own.group, cell: (group) => group.name, text: (group) => group.name },
    { name: words.performance.answers, isNumber: true, cell: (group) => (group.is_small ? <span className="soft">{own.small(least)}</span> : (group.answers?.toLocaleString() ?? "–")), text: (group) => String(group.answers ?? "") },
    { name: words.performance.known, isNumber: true, cell: (group) => group.known?.toLocaleString() ?? "–", text: (group) => String(group.known ?? "") },
    ...rate((group) => group.selection_rate, own.selection),
    ...rate((group) => group.true_positive_rate, own.tpr),
    ...rate((group) => group.false_positive_rate, own.fpr),
    { name: own.calibration, isNumber: true, cell: (group) => group.calibration_error?.toFixed(4) ?? "–", text: (group) => String(group.calibration_error ?? "") },
  ];
  const drawn = of.groups.flatMap((group) => (group.selection_rate ? [{ label: group.name, ...group.selection_rate }] : []));
  const range = ({ lower, upper }: Schemas["PerformanceMetric"]) => (lower == null || upper == null ? "–" : `${lower.toFixed(4)} … ${upper.toFixed(4)}`);
  return (
    <section aria-label={title}>
      <div className="bar">
        <h3>{title}</h3>
        <button type="button" onClick={() => save("fairness.csv", "text/csv", csv(of.groups, columns))}>{common.exportCsv}</button>
      </div>
      {drawn.length > 0 && <Intervals title={`${title}: ${own.selection}`} of={drawn} />}
      {of.groups.some((group) => group.is_small) && <p className="small soft">{own.smallWhy}</p>}
      <Table label={title} of={of.groups} id={(group) => group.name} columns={columns} />
      {of.metrics.length > 0 && (
        <Table
          label={`${title}: ${own.metrics}`}
          of={of.metrics}
          id={(metric) => metric.name}
          columns={[
            { name: own.metrics, cell: (metric) => <code>{metric.name}</code> },
            {
              name: own.value,
              isNumber: true,
              cell: (metric) => (
                <>
                  {metric.value.toFixed(4)} {metric.name === "disparate_impact" && metric.value < FOUR_FIFTHS && <FourFifths isSure={metric.upper != null && metric.upper < FOUR_FIFTHS} />}
                </>
              ),
            },
            { name: own.interval, isNumber: true, cell: range },
          ]}
        />
      )}
    </section>
  );
}
