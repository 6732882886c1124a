// Telling what turned out to be true, and attributes that fairness is measured by, as files.
import { type FormEvent, useState } from "react";
import { useSession } from "../api/queries";
import { mediaOf, useTellOutcomes } from "../api/watch";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Head, Panel, Table, Wrong } from "../ui/basics";

export default function Outcomes() {
  const words = useWords();
  const session = useSession().data;
  return (
    <>
      <Head title={words.nav.outcomes} />
      {may(session, "RecordOutcomes") ? <Tell what="outcomes" /> : <p className="note">{words.watch.performance.mayNot}</p>}
      {may(session, "RecordAttributes") && <Tell what="attributes" />}
    </>
  );
}

/** Outcomes or attributes as a file. What was refused is told row by row. */
export function Tell({ what }: { what: "outcomes" | "attributes" }) {
  const { watch: words } = useWords();
  const own = words.performance;
  const [file, setFile] = useState<File | null>(null);
  const tell = useTellOutcomes(what);
  const isUnknown = file !== null && mediaOf(file.name) === undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (file) tell.mutate(file);
  };
  const refused = tell.data?.items.filter((item) => item.state === "refused").slice(0, 100) ?? [];
  return (
    <Panel title={what === "outcomes" ? own.tell : own.tellAttributes}>
      <form className="bar" onSubmit={submit}>
        <label>
          {own.file}
          <input type="file" required accept=".csv,.parquet,.ndjson,.jsonl,.json" onChange={(event) => setFile(event.target.files?.[0] ?? null)} />
        </label>
        <button type="submit" className="primary" disabled={file === null || isUnknown || tell.isPending}>{own.send}</button>
      </form>
      <p className="small soft">{what === "outcomes" ? own.tellHint : own.attributesHint}</p>
      {isUnknown && <div className="note bad">{own.kindUnknown}</div>}
      {tell.error !== null && <Wrong error={tell.error} />}
      {tell.data && (
        <div role="status" className={tell.data.refused > 0 ? "note warn" : "note good"}>
          {own.told(tell.data.recorded, tell.data.known, tell.data.refused)}
        </div>
      )}
      {refused.length > 0 && (
        <Table
          label={own.why}
          of={refused}
          id={(row) => String(row.place)}
          columns={[
            { name: own.place, cell: (row) => row.place + 1, isNumber: true },
            { name: own.why, cell: (row) => row.why ?? row.code },
          ]}
        />
      )}
    </Panel>
  );
}
