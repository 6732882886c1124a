// A version against the one that answers: what it is made of, what was measured of it, what its checks say.
import type { Schemas } from "../api/client";
import { useVersions } from "../api/queries";
import { type GateAnswer, type GateResult, useStanding } from "../api/releases";
import { useWords } from "../i18n";
import { useAddress } from "../ui/address";
import { Badge, csv, Empty, Loaded, Panel, save, Short, Table } from "../ui/basics";

interface Row {
  what: string;
  before: string;
  after: string;
  isDigest?: boolean;
}

const text = (value: string | number | null | undefined) => (value === null || value === undefined || value === "" ? "–" : String(value));

export function Difference({ deployment, number }: { deployment: Schemas["Deployment"]; number: number }) {
  const words = useWords().gate;
  const incumbent = deployment.released?.number;
  const versions = useVersions(deployment.model);
  const before = useStanding(deployment.name, incumbent);
  const after = useStanding(deployment.name, number);
  if (incumbent === undefined) return <Empty>{words.noIncumbent}</Empty>;
  if (incumbent === number) return <Empty>{words.same}</Empty>;
  return (
    <Loaded of={versions}>
      {() => {
        const find = (wanted: number) => versions.items.find((version) => version.number === wanted);
        const resultOf = (of: Schemas["ReleaseStanding"] | undefined) => (of?.result as GateResult | undefined)?.demands ?? [];
        const rows = [...made(find(incumbent), find(number), deployment, words), ...checks(resultOf(before.data), resultOf(after.data))];
        return <Compared rows={rows} before={words.before(incumbent)} after={words.after(number)} name={`${deployment.name}-${incumbent}-${number}`} />;
      }}
    </Loaded>
  );
}

function Compared({ rows, before, after, name }: { rows: readonly Row[]; before: string; after: string; name: string }) {
  const words = useWords();
  const said = words.gate;
  const [all, setAll] = useAddress("all");
  const shown = rows.filter((row) => all !== null || row.before !== row.after);
  const columns = [
    { name: said.aspect, cell: (row: Row) => row.what, text: (row: Row) => row.what },
    { name: before, cell: (row: Row) => (row.isDigest ? <Short of={row.before} /> : <span className="small">{row.before}</span>), text: (row: Row) => row.before },
    { name: after, cell: (row: Row) => (row.isDigest ? <Short of={row.after} /> : <span className="small">{row.after}</span>), text: (row: Row) => row.after },
    {
      name: "",
      cell: (row: Row) => <Badge tone={row.before === row.after ? "idle" : "warn"}>{row.before === row.after ? said.unchanged : said.changed}</Badge>,
    },
  ];
  return (
    <Panel>
      <div className="bar">
        <label className="row">
          <input type="checkbox" checked={all === null} onChange={(event) => setAll(event.target.checked ? null : "1")} />
          {said.onlyChanges}
        </label>
        <button type="button" onClick={() => save(`difference-${name}.csv`, "text/csv", csv(shown, columns))}>
          {words.common.exportCsv}
        </button>
      </div>
      {shown.length === 0 ? <Empty>{said.noDifference}</Empty> : <Table of={shown} label={said.diff} id={(row) => row.what} columns={columns} />}
    </Panel>
  );
}

/** What two versions are made of; the contract is the deployment's, so both are bound to the same. */
function made(before: Schemas["ModelVersion"] | undefined, after: Schemas["ModelVersion"] | undefined, deployment: Schemas["Deployment"], words: ReturnType<typeof useWords>["gate"]): Row[] {
  if (before === undefined || after === undefined) return [];
  const { aspects } = words;
  const of = (what: string, pick: (version: Schemas["ModelVersion"]) => string | number) => ({ what, before: text(pick(before)), after: text(pick(after)) });
  const digests = (version: Schemas["ModelVersion"]) => new Map(version.files.map(({ path, digest }) => [path, digest]));
  const [old, fresh] = [digests(before), digests(after)];
  const paths = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  return [
    { what: aspects.contract, before: deployment.contract, after: deployment.contract, isDigest: true },
    { ...of(aspects.artifact, ({ digest }) => digest), isDigest: true },
    of(aspects.author, ({ author_name }) => author_name),
    of(aspects.format, ({ facts }) => facts.format),
    of(aspects.objective, ({ facts }) => facts.objective),
    of(aspects.trees, ({ facts }) => facts.trees),
    of(aspects.features, ({ facts }) => facts.features),
    of(aspects.outputs, ({ facts }) => facts.outputs),
    ...paths.map((path) => ({ what: words.file(path), before: text(old.get(path)), after: text(fresh.get(path)), isDigest: true })),
  ];
}

/** What the checks say of each: their words hold what was measured. */
export function checks(before: readonly GateAnswer[], after: readonly GateAnswer[]): Row[] {
  const lines = (all: readonly GateAnswer[]) => {
    const said = new Map<string, string>();
    for (const { demand, lines } of all) for (const { check, state, says } of lines) said.set(`${demand.check} ${check}`, `${state.replaceAll("_", " ")}: ${says}`);
    return said;
  };
  const [old, fresh] = [lines(before), lines(after)];
  return [...new Set([...old.keys(), ...fresh.keys()])].sort().map((what) => ({ what, before: text(old.get(what)), after: text(fresh.get(what)) }));
}
