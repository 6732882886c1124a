// Why a deployment's score has moved: which fields the change comes from, and in which slices it is most.
import type { Schemas } from "../api/client";
import { useDriftExplained } from "../api/experiments";
import { useWords } from "../i18n";
import { Badge, type Column, Empty, Facts, Panel, Table, When, Wrong } from "../ui/basics";
import { Parts, type Part } from "../ui/contrast";

const short = (value: number) => Number(value.toPrecision(3)).toString();
const signed = (value: number) => `${value > 0 ? "+" : ""}${short(value)}`;
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

export function Explained({ name }: { name: string }) {
  const words = useWords().explained;
  const explained = useDriftExplained(name);
  return (
    <Panel
      title={words.title}
      aside={
        <button type="button" disabled={explained.isPending} onClick={() => explained.mutate()}>
          {explained.data ? words.again : words.ask}
        </button>
      }
    >
      {explained.error !== null && <Wrong error={explained.error} />}
      {explained.data ? <Found of={explained.data} /> : <p className="soft small">{words.hint}</p>}
    </Panel>
  );
}

function Found({ of }: { of: Schemas["DriftExplained"] }) {
  const all = useWords();
  const words = all.explained;
  const isAmount = of.by === "contributions";
  const parts = of.columns.map((column) => ({ ...column, label: column.column, value: isAmount ? (column.contribution ?? 0) : column.share, said: isAmount ? signed(column.contribution ?? 0) : percent(column.share) }));
  type Row = (typeof parts)[number];
  const columns: Column<Row>[] = [
    { name: words.field, cell: (row) => <>{row.label} {row.is_told && <Badge tone="bad">{words.told}</Badge>}</>, text: (row) => row.label },
    ...(isAmount ? [{ name: words.part, isNumber: true, cell: (row: Row) => row.said, text: (row: Row) => String(row.value) }] : []),
    { name: words.share, isNumber: true, cell: (row) => percent(row.share), text: (row) => String(row.share) },
    { name: words.distance, isNumber: true, cell: (row) => short(row.distance), text: (row) => String(row.distance) },
    { name: words.tolerance, isNumber: true, cell: (row) => short(row.tolerance), text: (row) => String(row.tolerance) },
  ];
  return (
    <>
      <p className="wraps" role="status">
        {of.text}
      </p>
      <Facts
        of={[
          [all.common.version, of.version],
          [all.watch.findings.inWindow, <span key="window"><When at={of.from} /> – <When at={of.until} /></span>],
          ...(of.score ? [[words.score, `${short(of.score.before)} ${words.before}, ${short(of.score.now)} ${words.now} (${words.rows(of.score.rows.toLocaleString())})`] as const] : []),
        ]}
      />
      <p className="soft small">{words.by[of.by]}</p>
      {parts.length > 0 && <Parts title={words.parts} of={parts} columns={columns as unknown as Column<Part>[]} />}
      <h3>{words.slices}</h3>
      {of.slices.length === 0 ? (
        <Empty>{words.noSlices}</Empty>
      ) : (
        <Table
          label={words.slices}
          of={of.slices}
          id={(row) => row.slice}
          columns={[
            { name: words.slice, cell: (row) => <span className="wraps">{row.slice}</span>, text: (row) => row.slice },
            { name: words.sliceRows, isNumber: true, cell: (row) => percent(row.rows), text: (row) => String(row.rows) },
            { name: words.inSlice, isNumber: true, cell: (row) => short(row.distance), text: (row) => String(row.distance) },
            { name: words.overall, isNumber: true, cell: (row) => short(row.overall), text: (row) => String(row.overall) },
          ]}
        />
      )}
    </>
  );
}

/** How old things are, beside how old they may be; and how far rows are from the reference's relations. */
export function Standings({ of, choose }: { of: Schemas["Monitoring"]; choose: (column: string) => void }) {
  const all = useWords();
  const words = all.explained;
  const days = (value: number) => value.toFixed(1);
  const together = of.last?.columns.find((column) => column.kind === "together" && !column.slice);
  return (
    <div className="two">
      <Panel title={words.ages}>
        {of.ages.length === 0 ? (
          <Empty>{words.noAges}</Empty>
        ) : (
          <Table
            label={words.ages}
            of={of.ages}
            id={(age) => age.of}
            columns={[
              { name: all.common.name, cell: (age) => words.ageOf[age.of] ?? age.of, text: (age) => age.of },
              { name: all.common.time, isNumber: true, cell: (age) => (age.limit_days == null ? all.watch.monitoring.ageDays(age.days) : words.ofLimit(days(age.days), String(age.limit_days))), text: (age) => days(age.days) },
              { name: all.common.state, cell: (age) => <Badge tone={age.is_stale ? "warn" : "good"}>{age.is_stale ? all.watch.monitoring.stale : words.fresh}</Badge>, text: (age) => String(age.is_stale) },
            ]}
          />
        )}
      </Panel>
      <Panel title={words.together} aside={together && <button type="button" onClick={() => choose(together.name)}>{all.common.show}</button>}>
        <p className="soft small">{words.togetherHint}</p>
        {together?.is_enough ? (
          <Facts
            of={[
              [words.distance, <span key="distance">{short(together.distance)} <Badge tone={together.distance > together.tolerance ? "bad" : "good"}>{all.watch.monitoring.states[together.distance > together.tolerance ? "moved" : "steady"]}</Badge></span>],
              [words.tolerance, short(together.tolerance)],
            ]}
          />
        ) : (
          <Empty>{all.watch.monitoring.few}</Empty>
        )}
      </Panel>
    </div>
  );
}
