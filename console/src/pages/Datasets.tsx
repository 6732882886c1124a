// Datasets, and who may use which for what: a matrix of principals and uses, each for its purposes.
import { type FormEvent, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useSession } from "../api/queries";
import { useDataset, useDatasets, useDatasetsOf, useDatasetVersion, useGrant } from "../api/watch";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { useAddress } from "../ui/address";
import { Ask, Badge, type Column, csv, Empty, Facts, Head, List, Loaded, Panel, save, Short, Skeleton, Table, When, Wrong } from "../ui/basics";

type Grant = Schemas["DatasetGrant"];
const USES: Schemas["DatasetUse"][] = ["read", "train", "export"];
/** Datasets whose grants are asked for at once. */
const AT_ONCE = 50;

export default function Datasets() {
  const { watch: words, common } = useWords();
  const own = words.data;
  const datasets = useDatasets();
  const [tab, setTab] = useAddress("tab");
  return (
    <>
      <Head title={own.title} />
      <Tabs className="tabs" selectedKey={tab ?? "list"} onSelectionChange={(key) => setTab(key === "list" ? null : String(key))}>
        <TabList aria-label={own.title}>
          <Tab id="list">{own.list}</Tab>
          <Tab id="matrix">{own.matrix}</Tab>
        </TabList>
        <TabPanel id="list">
          <Panel>
            <List
              of={datasets}
              label={own.list}
              id={(row) => row.name}
              empty={own.empty}
              columns={[
                { name: common.name, cell: (row) => <Link href={`/datasets/${encodeURIComponent(row.name)}`}>{row.name}</Link> },
                { name: common.owner, cell: (row) => row.owner },
                { name: own.latest, cell: (row) => row.latest_version, isNumber: true },
                { name: common.created, cell: (row) => <When at={row.created_at} /> },
              ]}
            />
          </Panel>
        </TabPanel>
        <TabPanel id="matrix">
          <Loaded of={datasets}>{() => <Matrix names={datasets.items.slice(0, AT_ONCE).map(({ name }) => name)} />}</Loaded>
        </TabPanel>
      </Tabs>
    </>
  );
}

interface Row {
  principal: string;
  cells: Map<string, Grant[]>;
}
const place = (dataset: string, use: string) => `${dataset} ${use}`;

function Matrix({ names }: { names: readonly string[] }) {
  const { watch: words, common } = useWords();
  const own = words.data;
  const datasets = useDatasetsOf(names);
  if (names.length === 0) return <Empty>{own.empty}</Empty>;
  if (datasets.some(({ isPending }) => isPending)) return <Skeleton />;
  const rows = new Map<string, Row>();
  const used = new Set<string>();
  for (const { data } of datasets) {
    for (const grant of data?.grants ?? []) {
      const row = rows.get(grant.principal) ?? { principal: grant.principal, cells: new Map<string, Grant[]>() };
      const key = place(data?.name ?? "", grant.use);
      used.add(key);
      row.cells.set(key, [...(row.cells.get(key) ?? []), grant]);
      rows.set(grant.principal, row);
    }
  }
  if (rows.size === 0) return <Empty>{own.noGrants}</Empty>;
  const sorted = [...rows.values()].sort((one, other) => one.principal.localeCompare(other.principal));
  const columns: Column<Row>[] = [
    { name: own.principal, cell: (row) => <strong>{row.principal}</strong>, text: (row) => row.principal },
    ...names.flatMap((name) =>
      USES.filter((use) => used.has(place(name, use))).map((use) => ({
        name: `${name}: ${own.uses[use]}`,
        cell: (row: Row) => (row.cells.get(place(name, use)) ?? []).map((grant) => <Badge key={grant.purpose} tone="good">{grant.purpose}</Badge>),
        text: (row: Row) => (row.cells.get(place(name, use)) ?? []).map(({ purpose }) => purpose).join(" "),
      })),
    ),
  ];
  return (
    <Panel aside={null}>
      <div className="bar">
        <span className="soft">{own.matrixHint}</span>
        <button type="button" onClick={() => save("dataset-access.csv", "text/csv", csv(sorted, columns))}>{common.exportCsv}</button>
      </div>
      <Table label={own.matrix} of={sorted} id={(row) => row.principal} columns={columns} />
    </Panel>
  );
}

export function Dataset({ name }: { name: string }) {
  const { watch: words } = useWords();
  const own = words.data;
  const dataset = useDataset(name);
  return (
    <Loaded of={dataset}>
      {(of) => (
        <>
          <Head title={of.name}>
            <Link className="button" href={`/lineage?at=${encodeURIComponent(`dataset:${of.name}/${of.latest_version}`)}`}>{own.lineage}</Link>
          </Head>
          <Grants of={of} />
          <Version name={of.name} number={of.latest_version} owner={of.owner} />
        </>
      )}
    </Loaded>
  );
}

function Grants({ of }: { of: Schemas["Dataset"] }) {
  const { watch: words, common } = useWords();
  const own = words.data;
  const session = useSession().data;
  const grant = useGrant(of.name);
  const [revoking, setRevoking] = useState<Grant | null>(null);
  const mayGrant = may(session, "GrantDataset");
  const revoke = () => {
    if (!revoking) return;
    const { principal, use, purpose } = revoking;
    grant.mutate({ grant: { principal, use, purpose }, isGiven: false }, { onSuccess: () => setRevoking(null) });
  };
  return (
    <Panel title={own.grants} aside={mayGrant && <GrantUse of={of} />}>
      {!mayGrant && <p className="note">{own.mayNot}</p>}
      {(of.grants ?? []).length === 0 ? (
        <Empty>{own.noGrants}</Empty>
      ) : (
        <Table
          label={own.grants}
          of={of.grants ?? []}
          id={(row) => `${row.principal} ${row.use} ${row.purpose}`}
          columns={[
            { name: own.principal, cell: (row) => row.principal },
            { name: own.use, cell: (row) => own.uses[row.use] },
            { name: own.purpose, cell: (row) => row.purpose },
            { name: own.expires, cell: (row) => (row.expires_at ? <When at={row.expires_at} /> : own.forever) },
            { name: own.grantedBy, cell: (row) => row.granted_by },
            { name: common.created, cell: (row) => <When at={row.created_at} /> },
            ...(mayGrant ? [{ name: "", cell: (row: Grant) => <button type="button" className="danger" onClick={() => setRevoking(row)}>{own.revoke}</button> }] : []),
          ]}
        />
      )}
      <Ask title={own.revoke} isOpen={revoking !== null} close={() => setRevoking(null)}>
        <p>{own.revokeHint(revoking?.principal ?? "", own.uses[revoking?.use ?? ""] ?? "")}</p>
        {grant.error !== null && <Wrong error={grant.error} />}
        <div className="actions">
          <button type="button" onClick={() => setRevoking(null)}>{common.cancel}</button>
          <button type="button" className="danger" disabled={grant.isPending} onClick={revoke}>{own.revoke}</button>
        </div>
      </Ask>
    </Panel>
  );
}

function GrantUse({ of }: { of: Schemas["Dataset"] }) {
  const { watch: words, common } = useWords();
  const own = words.data;
  const version = useDatasetVersion(of.name, of.latest_version);
  const purposes = version.data?.manifest.purposes ?? [];
  const [isOpen, setOpen] = useState(false);
  const [wanted, setWanted] = useState({ principal: "", use: "train" as Schemas["DatasetUse"], purpose: "", until: "" });
  const grant = useGrant(of.name);
  const set = (part: Partial<typeof wanted>) => setWanted({ ...wanted, ...part });
  const close = () => {
    setOpen(false);
    grant.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { until, ...rest } = wanted;
    grant.mutate({ grant: { ...rest, ...(until === "" ? {} : { expires_at: new Date(until).toISOString() }) }, isGiven: true }, { onSuccess: close });
  };
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>{own.grant}</button>
      <Ask title={`${own.grant}: ${of.name}`} isOpen={isOpen} close={close}>
        <form onSubmit={submit}>
          <label>
            {own.principal}
            <input required value={wanted.principal} onChange={(event) => set({ principal: event.target.value })} />
          </label>
          <label>
            {own.use}
            <select value={wanted.use} onChange={(event) => set({ use: event.target.value as Schemas["DatasetUse"] })}>
              {USES.map((use) => (
                <option key={use} value={use}>{own.uses[use]}</option>
              ))}
            </select>
          </label>
          <label>
            {own.purpose}
            <select required value={wanted.purpose} onChange={(event) => set({ purpose: event.target.value })}>
              <option value="" disabled />
              {purposes.map((purpose) => (
                <option key={purpose}>{purpose}</option>
              ))}
            </select>
          </label>
          <label>
            {own.expires}
            <input type="datetime-local" value={wanted.until} onChange={(event) => set({ until: event.target.value })} />
          </label>
          {grant.error !== null && <Wrong error={grant.error} />}
          <div className="actions">
            <button type="button" onClick={close}>{common.cancel}</button>
            <button type="submit" className="primary" disabled={grant.isPending}>{own.grantSubmit}</button>
          </div>
        </form>
      </Ask>
    </>
  );
}

function Version({ name, number, owner }: { name: string; number: number; owner: string }) {
  const { watch: words, common } = useWords();
  const own = words.data;
  const version = useDatasetVersion(name, number);
  return (
    <Loaded of={version}>
      {({ manifest, digest, is_kept, created_at }) => (
        <>
          <Panel title={`${own.facts} (${common.version} ${number})`}>
            <Facts
              of={[
                [common.owner, owner],
                [common.digest, <Short key="d" of={digest} />],
                [common.created, <When key="c" at={created_at} />],
                ["", manifest.description],
                [own.rows, manifest.rows?.toLocaleString()],
                [own.personal, manifest.personal?.join(", ") || common.none],
                [own.purposes, manifest.purposes?.join(", ") || own.none],
                [own.licence, manifest.licence ?? own.none],
                [own.retention, manifest.retention_days == null ? "–" : words.findings.days(manifest.retention_days)],
                [own.kept, is_kept ? common.yes : common.no],
                [own.source, manifest.source.address ?? manifest.source.kind],
                ...(manifest.source.warnings?.length ? [[own.warnings, manifest.source.warnings.join(", ")] as const] : []),
              ]}
            />
          </Panel>
          {(manifest.columns ?? []).length > 0 && (
            <Panel title={own.columns}>
              <Table
                label={own.columns}
                of={manifest.columns ?? []}
                id={(row) => row.name}
                columns={[
                  { name: common.name, cell: (row) => <code>{row.name}</code> },
                  { name: words.findings.kind, cell: (row) => row.kind },
                  { name: own.missing, cell: (row) => row.missing.toLocaleString(), isNumber: true },
                  { name: own.distinct, cell: (row) => row.distinct?.toLocaleString() ?? "–", isNumber: true },
                  { name: own.range, cell: (row) => (row.min == null ? "–" : `${row.min} … ${row.max ?? ""}`), isNumber: true },
                ]}
              />
            </Panel>
          )}
          <Panel title={own.files}>
            <Table
              label={own.files}
              of={manifest.files}
              id={(row) => row.path}
              columns={[
                { name: common.name, cell: (row) => <code>{row.path}</code> },
                { name: own.size, cell: (row) => row.size.toLocaleString(), isNumber: true },
                { name: common.digest, cell: (row) => <Short of={row.digest} /> },
              ]}
            />
          </Panel>
        </>
      )}
    </Loaded>
  );
}
