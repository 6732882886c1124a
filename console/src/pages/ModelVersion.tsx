// One version of a model: what is said about it, what its scan looked at, its files; and another beside it.
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useReport, useSession } from "../api/queries";
import { useCard, useScanBlocks } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { useAddress } from "../ui/address";
import { Badge, type Column, csv, Empty, Facts, Loaded, Panel, save, Short, Table, When } from "../ui/basics";
import { gatePath } from "../ui/release";
import { DeploymentLink } from "../ui/words";

type Version = Schemas["ModelVersion"];

export function ModelVersion({ of, all }: { of: Version; all: readonly Version[] }) {
  const session = useSession().data;
  return (
    <>
      <div className="two">
        <Card of={of} />
        <Scanned of={of} />
      </div>
      {may(session, "ReadScans") && <Blocked model={of.model} />}
      <Compare of={of} all={all} />
    </>
  );
}

const size = (bytes: number) => (bytes < 1024 ? `${bytes} B` : bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`);

function Card({ of }: { of: Version }) {
  const words = useWords();
  const said = words.version;
  const card = useCard(of.model, of.number);
  return (
    <Panel title={`${said.title(of.number)}: ${said.card}`}>
      <Loaded of={card}>
        {(found) => (
          <div className="stack">
            <div>
              <Badge tone={found.is_signed ? "good" : "idle"}>{found.is_signed ? said.signed : said.unsigned}</Badge> {found.archived && <Badge tone="warn">{`${said.archived}: ${found.archived}`}</Badge>}{" "}
              {found.hold && <Badge tone="warn">{`${said.hold}: ${found.hold}`}</Badge>}
            </div>
            <Facts
              of={[
                [words.common.owner, found.card.owner],
                [said.developer, found.card.developer],
                [said.validator, found.card.validator],
                [said.use, found.card.intended_use],
                [said.limits, found.card.limits],
                [said.run, found.card.training_run],
                [said.datasets, found.card.datasets?.join(", ")],
                [said.parent, found.card.parent],
                [said.licence, found.card.licence],
                [said.placed, found.card.placed_on_market],
                [said.said, found.changed_by],
                [words.common.time, <When key="at" at={found.changed_at} />],
                [
                  said.released,
                  <span key="released">
                    {(found.deployments ?? []).map((name, n) => (
                      <span key={name}>
                        {n > 0 && ", "}
                        <DeploymentLink name={name} /> (<Link href={gatePath(name, of.number)}>{words.gate.title}</Link>)
                      </span>
                    ))}
                  </span>,
                ],
              ]}
            />
            <div className="bar">
              <button type="button" onClick={() => save(`${of.model}-${of.number}-card.json`, "application/json", JSON.stringify(found, null, 2))}>
                {said.cardFile}
              </button>
              <a className="button" href={`/api/v1/models/${encodeURIComponent(of.model)}/versions/${of.number}/bom`} download>
                {said.bom}
              </a>
            </div>
          </div>
        )}
      </Loaded>
    </Panel>
  );
}

function Scanned({ of }: { of: Version }) {
  const words = useWords();
  const said = words.version;
  const scan = of.facts.scan;
  const files: Column<Schemas["ManifestFile"]>[] = [
    { name: said.files, cell: (file) => <code>{file.path}</code> },
    { name: said.role, cell: (file) => file.role },
    { name: said.size, cell: (file) => size(file.size), isNumber: true },
    { name: words.common.digest, cell: (file) => <Short of={file.digest} /> },
  ];
  return (
    <Panel title={`${said.title(of.number)}: ${said.files}`}>
      <p>
        <Badge tone={scan ? "good" : "idle"}>{scan ? said.scanned(of.files.length) : said.notScanned}</Badge>
      </p>
      <Table of={of.files} label={said.files} id={(file) => file.path} columns={files} />
    </Panel>
  );
}

/** Files of this model that scans blocked: they are part of no version. */
function Blocked({ model }: { model: string }) {
  const words = useWords();
  const said = words.version;
  const blocks = useScanBlocks(true);
  return (
    <Panel title={said.blocks}>
      <Loaded of={blocks}>
        {({ items }) => {
          const mine = items.filter(({ about }) => about === model || about.startsWith(`${model}/`) || about.startsWith(`${model} `));
          return mine.length === 0 ? (
            <Empty>{said.noBlocks}</Empty>
          ) : (
            <Table
              of={mine}
              label={said.blocks}
              id={(block) => `${block.digest} ${block.path}`}
              columns={[
                { name: words.common.time, cell: (block) => <When at={block.created_at} /> },
                { name: said.files, cell: (block) => <code>{block.path}</code> },
                { name: said.rules, cell: (block) => block.rules.join(", ") },
                { name: words.models.author, cell: (block) => block.author },
                { name: said.letPass, cell: (block) => (block.overrides ?? []).map((one) => `${one.author}: ${one.reason}`).join("; ") },
              ]}
            />
          );
        }}
      </Loaded>
    </Panel>
  );
}

interface Row {
  what: string;
  one: string;
  other: string;
  difference: string;
}

function Compare({ of, all }: { of: Version; all: readonly Version[] }) {
  const words = useWords();
  const said = words.version;
  const [chosen, choose] = useAddress("compare");
  const other = all.find(({ number }) => number === Number(chosen));
  return (
    <Panel title={said.compare}>
      <label>
        {said.compare}
        <select value={chosen ?? ""} onChange={(event) => choose(event.target.value)}>
          <option value="">{said.nothing}</option>
          {all
            .filter(({ number }) => number !== of.number)
            .map(({ number, author_name }) => (
              <option key={number} value={number}>
                {number} · {author_name}
              </option>
            ))}
        </select>
      </label>
      {other && <Beside one={of} other={other} />}
    </Panel>
  );
}

function Beside({ one, other }: { one: Version; other: Version }) {
  const words = useWords();
  const said = words.version;
  const [mine, theirs] = [useReport(one.model, one.number), useReport(other.model, other.number)];
  const number = (what: string, a: number | undefined, b: number | undefined): Row => ({
    what,
    one: a === undefined ? "–" : Number(a.toPrecision(4)).toString(),
    other: b === undefined ? "–" : Number(b.toPrecision(4)).toString(),
    difference: a === undefined || b === undefined ? "–" : `${a >= b ? "+" : ""}${Number((a - b).toPrecision(3))}`,
  });
  const word = (what: string, a: string, b: string): Row => ({ what, one: a, other: b, difference: a === b ? words.gate.unchanged : words.gate.changed });
  const importance = new Map<string, [number | undefined, number | undefined]>();
  for (const of of mine.data?.importance ?? []) importance.set(of.name, [of.mean_abs, undefined]);
  for (const of of theirs.data?.importance ?? []) importance.set(of.name, [importance.get(of.name)?.[0], of.mean_abs]);
  const rows = [
    word(words.models.format, one.facts.format, other.facts.format),
    word(words.models.objective, one.facts.objective, other.facts.objective),
    number(words.models.trees, one.facts.trees, other.facts.trees),
    number(words.models.features, one.facts.features, other.facts.features),
    number(said.files, one.files.length, other.files.length),
    number(said.size, one.files.reduce((sum, file) => sum + file.size, 0), other.files.reduce((sum, file) => sum + file.size, 0)),
    ...[...importance].map(([name, [a, b]]) => number(said.importance(name), a, b)),
  ];
  const columns: Column<Row>[] = [
    { name: said.metric, cell: (row) => row.what, text: (row) => row.what },
    { name: said.title(one.number), cell: (row) => row.one, text: (row) => row.one, isNumber: true },
    { name: said.title(other.number), cell: (row) => row.other, text: (row) => row.other, isNumber: true },
    { name: said.difference, cell: (row) => row.difference, text: (row) => row.difference, isNumber: true },
  ];
  return (
    <>
      <button type="button" onClick={() => save(`${one.model}-${one.number}-${other.number}.csv`, "text/csv", csv(rows, columns))}>
        {words.common.exportCsv}
      </button>
      <Table of={rows} label={said.compare} id={(row) => row.what} columns={columns} />
    </>
  );
}
