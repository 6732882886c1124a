// SQL over the decision tables that one may ask: a browser of their columns, the rows, and their files.
import { type FormEvent, lazy, Suspense, useEffect, useMemo, useState } from "react";
import type { Schemas } from "../api/client";
import { runQuery, useQueryTables } from "../api/queries";
import { useWords } from "../i18n";
import { textOf, useHash } from "../ui/address";
import { Badge, Empty, Head, Loaded, Panel, saveBlob, Skeleton, Table, Wrong } from "../ui/basics";
import { Views } from "../ui/views";

// Charts are loaded when there is something to draw.
const Chart = lazy(() => import("./QueryChart"));

type Row = Record<string, unknown>;
const FIRST = "select deployment, result, count(*) as decisions\nfrom decisions\ngroup by 1, 2\norder by 3 desc";
/** Rows that the page shows; a file holds more. */
const MAX_ROWS = 1000;

export default function Query() {
  const words = useWords();
  // A statement may name persons: it stands behind `#`, which no server is sent.
  const [hash, setHash] = useHash();
  const [sql, setSql] = useState(() => textOf(hash) || FIRST);
  useEffect(() => {
    const text = textOf(hash);
    if (text) setSql(text);
  }, [hash]);
  const [rows, setRows] = useState<Row[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const ask = async (use: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await use();
    } catch (wrong) {
      setError(wrong);
    }
    setBusy(false);
  };
  const run = () =>
    ask(async () => {
      setHash(encodeURIComponent(sql));
      const text = await (await runQuery(sql, "json", MAX_ROWS)).text();
      setRows(text.split("\n").filter(Boolean).map((line) => JSON.parse(line) as Row));
    });
  const file = (format: "csv" | "parquet") => ask(async () => saveBlob(`decisions.${format}`, await (await runQuery(sql, format)).blob()));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run();
  };
  return (
    <>
      <Head title={words.query.title}>
        <Views />
      </Head>
      <div className="side-by-side">
        <div>
          <Panel>
            <form className="stack" onSubmit={submit}>
              <label>
                {words.query.statement}
                <textarea
                  className="mono"
                  rows={8}
                  spellCheck={false}
                  value={sql}
                  onChange={(event) => setSql(event.target.value)}
                  onKeyDown={(event) => {
                    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void run();
                  }}
                />
              </label>
              <div className="bar">
                <button type="submit" className="primary" disabled={isBusy}>
                  {isBusy ? words.common.loading : words.query.run} <kbd className="small">Ctrl ↵</kbd>
                </button>
                <button type="button" disabled={isBusy} onClick={() => void file("csv")}>
                  {words.common.exportCsv}
                </button>
                <button type="button" disabled={isBusy} onClick={() => void file("parquet")}>
                  {words.query.parquet}
                </button>
              </div>
            </form>
            {error !== null && <Wrong error={error} />}
          </Panel>
          {rows !== null && <Rows of={rows} />}
        </div>
        <Tables choose={(text) => setSql((before) => `${before}${before.endsWith(" ") || before.endsWith("\n") ? "" : " "}${text}`)} />
      </div>
    </>
  );
}

function Rows({ of }: { of: Row[] }) {
  const words = useWords();
  const names = useMemo(() => [...new Set(of.flatMap(Object.keys))], [of]);
  const shown = (value: unknown) => (value == null ? <span className="soft">null</span> : typeof value === "object" ? JSON.stringify(value) : String(value));
  return (
    <>
    <Panel>
      <p className="soft" role="status">
        {words.query.rows(of.length, of.length >= MAX_ROWS)}
      </p>
      {of.length === 0 ? (
        <Empty>{words.query.empty}</Empty>
      ) : (
        <Table
          label={words.query.title}
          of={of.map((row, n): { row: Row; n: number } => ({ row, n }))}
          id={({ n }: { n: number }) => String(n)}
          columns={names.map((name) => ({ name, cell: ({ row }: { row: Row }) => shown(row[name]), text: ({ row }: { row: Row }) => (row[name] == null ? "" : typeof row[name] === "object" ? JSON.stringify(row[name]) : String(row[name])), isNumber: of.some((row) => typeof row[name] === "number") }))}
        />
      )}
    </Panel>
    <Suspense fallback={<Skeleton />}>
      <Chart of={of} names={names} />
    </Suspense>
    </>
  );
}

/** A name as SQL writes it. */
const quoted = (name: string) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

function Tables({ choose }: { choose: (text: string) => void }) {
  const words = useWords();
  const tables = useQueryTables();
  const column = ({ name, kind, is_sealed }: Schemas["QueryColumn"]) => (
    <li key={name}>
      <button type="button" className="plain mono" onClick={() => choose(quoted(name))}>
        {name}
      </button>{" "}
      <span className="soft small">{kind}</span> {is_sealed && <Badge>{words.query.sealed}</Badge>}
    </li>
  );
  return (
    <Panel title={words.query.tables}>
      <Loaded of={tables}>
        {({ tables }) => (
          <div className="stack">
            {tables.map((table) => (
              <details key={table.deployment} open={tables.length === 1}>
                <summary>
                  <code>{quoted(table.name)}</code> {!table.is_open && <Badge tone="warn">{words.query.closed}</Badge>}
                </summary>
                <ul>{table.columns.map(column)}</ul>
              </details>
            ))}
          </div>
        )}
      </Loaded>
    </Panel>
  );
}
