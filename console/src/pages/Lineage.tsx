// What a thing came from, and what came of it: a graph, the same as a list, and what is known of each thing.
import { type FormEvent, lazy, Suspense, useMemo, useState } from "react";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useLineage } from "../api/watch";
import { useWords } from "../i18n";
import { useAddress } from "../ui/address";
import { type Column, csv, Empty, Facts, Head, Loaded, Panel, save, Skeleton, Table } from "../ui/basics";

// The layout is loaded when somebody looks at a graph.
const Graph = lazy(() => import("../ui/Graph"));

const KINDS = ["model", "dataset", "run", "deployment", "decision", "artifact", "source"];
const DIRECTIONS: Schemas["Direction"][] = ["both", "up", "down"];

/** `kind:id`, in two. */
const parted = (text: string) => {
  const at = text.indexOf(":");
  return at < 0 ? { kind: "model", id: text } : { kind: text.slice(0, at), id: text.slice(at + 1) };
};

/** The page of a thing, where it has one. */
export function pageOf(node: string): string | null {
  const { kind, id } = parted(node);
  const name = id.slice(0, id.lastIndexOf("/"));
  switch (kind) {
    case "decision":
      return `/decisions/${encodeURIComponent(id)}`;
    case "deployment":
      return `/deployments/${encodeURIComponent(id)}`;
    case "model":
      return `/models/${encodeURIComponent(name)}`;
    case "dataset":
      return `/datasets/${encodeURIComponent(name)}`;
    default:
      return null;
  }
}

export default function Lineage() {
  const own = useWords().watch.lineage;
  const [at, setAt] = useAddress("at");
  const [direction, setDirection] = useAddress("direction");
  const [depth, setDepth] = useAddress("depth");
  const [decisions, setDecisions] = useAddress("decisions");
  const wanted = { direction: (direction ?? "both") as Schemas["Direction"], depth: Number(depth ?? 16), decisions: Number(decisions ?? 5) };
  const root = at === null ? null : parted(at);
  const graph = useLineage(root, wanted);
  return (
    <>
      <Head title={own.title} />
      <Panel>
        <div className="bar">
          <Start key={at ?? ""} at={root} go={setAt} />
          <label>
            {own.direction}
            <select value={wanted.direction} onChange={(event) => setDirection(event.target.value === "both" ? null : event.target.value)}>
              {DIRECTIONS.map((way) => (
                <option key={way} value={way}>{own[way]}</option>
              ))}
            </select>
          </label>
          <label>
            {own.depth}
            <input type="number" min={1} max={32} value={wanted.depth} onChange={(event) => setDepth(event.target.value)} />
          </label>
          <label>
            {own.decisions}
            <input type="number" min={0} max={1000} value={wanted.decisions} onChange={(event) => setDecisions(event.target.value)} />
          </label>
        </div>
        {root === null ? <Empty>{own.empty}</Empty> : <Loaded of={graph}>{(found) => <Found of={found} start={setAt} />}</Loaded>}
      </Panel>
    </>
  );
}

function Start({ at, go }: { at: { kind: string; id: string } | null; go: (at: string) => void }) {
  const own = useWords().watch.lineage;
  const [kind, setKind] = useState(at?.kind ?? "model");
  const [id, setId] = useState(at?.id ?? "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    go(`${kind}:${id.trim()}`);
  };
  return (
    <form className="bar" onSubmit={submit} role="search" aria-label={own.start}>
      <label>
        {own.kind}
        <select value={kind} onChange={(event) => setKind(event.target.value)}>
          {KINDS.map((name) => (
            <option key={name} value={name}>{own.kinds[name]}</option>
          ))}
        </select>
      </label>
      <label>
        {own.id}
        <input required size={30} className="mono" value={id} onChange={(event) => setId(event.target.value)} />
      </label>
      <button type="submit" className="primary">{own.show}</button>
    </form>
  );
}

function Found({ of, start }: { of: Schemas["Graph"]; start: (at: string) => void }) {
  const { watch: words, common } = useWords();
  const own = words.lineage;
  const [chosen, setChosen] = useAddress("node");
  const nodes = useMemo(() => of.nodes.map((node) => ({ id: node.id, kind: parted(node.id).kind, label: node.label })), [of]);
  const edges = useMemo(() => of.edges.map((edge) => ({ from: edge.from, to: edge.to, label: own.edges[edge.kind] ?? edge.kind })), [of, own]);
  const node = of.nodes.find(({ id }) => id === chosen) ?? of.nodes.find(({ id }) => id === of.root);
  const label = (id: string) => of.nodes.find((one) => one.id === id)?.label ?? id;
  const columns: Column<(typeof edges)[number]>[] = [
    { name: own.from, cell: (row) => <Thing id={row.from} label={label(row.from)} choose={setChosen} />, text: (row) => row.from },
    { name: own.how, cell: (row) => row.label, text: (row) => row.label },
    { name: own.to, cell: (row) => <Thing id={row.to} label={label(row.to)} choose={setChosen} />, text: (row) => row.to },
  ];
  return (
    <>
      {of.is_cut && <div className="note warn">{own.cut}</div>}
      {of.withheld > 0 && <div className="note">{own.withheld(of.withheld)}</div>}
      {edges.length === 0 && <Empty>{own.alone}</Empty>}
      <div className="side-by-side">
        <div>
          <Suspense fallback={<Skeleton />}>
            <Graph title={own.graph} nodes={nodes} edges={edges} root={of.root} chosen={node?.id ?? null} choose={setChosen} />
          </Suspense>
          {edges.length > 0 && (
            <>
              <div className="bar">
                <h3>{own.list}</h3>
                <button type="button" onClick={() => save("lineage.csv", "text/csv", csv(edges, columns))}>{common.exportCsv}</button>
              </div>
              <Table label={own.list} of={edges} id={(row) => `${row.from} ${row.label} ${row.to}`} columns={columns} />
            </>
          )}
        </div>
        {node && <Known of={node} isRoot={node.id === of.root} start={start} />}
      </div>
    </>
  );
}

function Thing({ id, label, choose }: { id: string; label: string; choose: (id: string) => void }) {
  const own = useWords().watch.lineage;
  return (
    <button type="button" className="plain" onClick={() => choose(id)}>
      {own.kinds[parted(id).kind]} {label}
    </button>
  );
}

const says = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

function Known({ of, isRoot, start }: { of: Schemas["Node"]; isRoot: boolean; start: (at: string) => void }) {
  const own = useWords().watch.lineage;
  const facts = Object.entries(of.facts ?? {});
  const page = pageOf(of.id);
  return (
    <section aria-label={own.node}>
      <h3>{of.label}</h3>
      <p>
        <code>{of.id}</code>
      </p>
      {facts.length === 0 ? <p className="soft">{own.nothing}</p> : <Facts of={facts.map(([name, value]) => [name, <span key={name} className="wraps">{says(value)}</span>] as const)} />}
      <div className="actions">
        {!isRoot && <button type="button" onClick={() => start(of.id)}>{own.here}</button>}
        {page && <Link className="button" href={page}>{own.open}</Link>}
      </div>
    </section>
  );
}
