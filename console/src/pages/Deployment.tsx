// One deployment: what answers, by which contract, under which limits; and releasing a version.
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useContract, useDeployment, useLatest, useRelease, useReviewSummary, useSession, useVersions } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Ask, Badge, Empty, Facts, Head, Loaded, Panel, Short, Table, When, Wrong } from "../ui/basics";
import { ModelLink, useDecisionColumns } from "../ui/words";

export default function Deployment({ name }: { name: string }) {
  const words = useWords();
  const session = useSession().data;
  const deployment = useDeployment(name);
  return (
    <>
      <Head title={name}>
        {deployment.data && may(session, "Release") && <ReleaseVersion of={deployment.data} />}
        <Link className="button" href={`/decisions?deployment=${encodeURIComponent(name)}`}>
          {words.nav.decisions}
        </Link>
      </Head>
      <Loaded of={deployment}>
        {(found) => (
          <>
            <div className="grid">
              <Served of={found} />
              <Limits of={found} />
              {may(session, "ListReviews") && <Reviewed name={name} />}
            </div>
            {may(session, "ListDecisions") && <Latest name={name} />}
            {may(session, "ReadContract") && <Contract digest={found.contract} />}
          </>
        )}
      </Loaded>
    </>
  );
}

function Served({ of }: { of: Schemas["Deployment"] }) {
  const words = useWords();
  return (
    <Panel title={words.deployments.answers}>
      <div className="stack">
        <div>
          <Badge tone={of.archived_at ? "idle" : of.is_ready ? "good" : "bad"}>
            {of.archived_at ? words.deployments.archived : of.is_ready ? words.overview.ready : words.overview.notReady}
          </Badge>
        </div>
        {of.not_ready_reason && <div className="note bad">{of.not_ready_reason}</div>}
        <Facts
          of={[
            [words.deployments.model, <ModelLink key="model" name={of.model} />],
            [words.common.version, of.released?.number],
            [words.deployments.released, <When key="released" at={of.released?.released_at} />],
            [words.common.digest, <Short key="digest" of={of.released?.digest} />],
            [words.deployments.environment, of.environment],
            [words.deployments.tier, of.tier],
            [words.common.owner, of.owner],
          ]}
        />
      </div>
    </Panel>
  );
}

function Limits({ of }: { of: Schemas["Deployment"] }) {
  const words = useWords();
  return (
    <Panel title={words.deployments.limits}>
      <Facts
        of={[
          [words.deployments.mode, of.mode],
          [words.deployments.explain, of.explain],
          [words.deployments.review, of.review.mode],
          [words.deployments.deadline, `${of.deadline_ms} ms`],
          [words.deployments.inFlight, of.max_in_flight],
          [words.deployments.retention, of.retention_days ? words.deployments.days(of.retention_days) : words.deployments.forever],
          [words.deployments.fallback, of.fallback ? of.fallback.outputs.join(", ") : words.common.none],
        ]}
      />
    </Panel>
  );
}

const share = (value: number | null | undefined) => (typeof value === "number" ? `${(value * 100).toFixed(1)} %` : "–");

function Reviewed({ name }: { name: string }) {
  const words = useWords();
  const summary = useReviewSummary();
  return (
    <Panel title={words.deployments.review}>
      <Loaded of={summary}>
        {({ deployments }) => {
          const found = deployments.find((of) => of.deployment === name);
          return found ? (
            <Facts
              of={[
                [words.reviews.waiting, found.waiting],
                [words.deployments.share, share(found.reviewed_share)],
                [words.deployments.overrides, share(found.override_rate)],
                [words.deployments.median, typeof found.median_seconds === "number" ? words.ledger.seconds(found.median_seconds) : "–"],
              ]}
            />
          ) : (
            <span className="soft">{words.common.none}</span>
          );
        }}
      </Loaded>
    </Panel>
  );
}

function Latest({ name }: { name: string }) {
  const words = useWords();
  const latest = useLatest(8, name);
  const columns = useDecisionColumns();
  return (
    <Panel title={words.overview.recent}>
      <Loaded of={latest}>
        {({ items }) =>
          items.length === 0 ? <Empty>{words.overview.noDecisions}</Empty> : <Table label={words.overview.recent} of={items} id={(row) => row.id} columns={columns} />
        }
      </Loaded>
    </Panel>
  );
}

function Contract({ digest }: { digest: string }) {
  const words = useWords();
  const contract = useContract(digest);
  const bounds = (field: Schemas["Field"]) => {
    const from = field.min ?? field.exclusive_min;
    const to = field.max ?? field.exclusive_max;
    const text = [
      from != null && `${field.min != null ? "≥" : ">"} ${from}`,
      to != null && `${field.max != null ? "≤" : "<"} ${to}`,
      field.values?.join(", "),
      field.max_length != null && `≤ ${field.max_length}`,
      field.pattern,
      field.unit,
    ];
    return text.filter(Boolean).join(" · ");
  };
  return (
    <Panel title={words.deployments.contract} aside={<Short of={digest} />}>
      <Loaded of={contract}>
        {({ contract: { features, context } }) => (
          <Table
            label={words.deployments.contract}
            of={[...features, ...(context ?? [])]}
            id={(field) => field.name}
            columns={[
              { name: words.deployments.field, cell: (field) => <code title={field.description ?? undefined}>{field.name}</code> },
              { name: words.deployments.kind, cell: (field) => field.kind },
              { name: words.deployments.bounds, cell: bounds },
              { name: words.deployments.nullable, cell: (field) => (field.nullable ? words.common.yes : words.common.no) },
              { name: words.deployments.classed, cell: (field) => field.class ?? "none" },
              { name: words.deployments.violation, cell: (field) => field.on_violation ?? "refuse" },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function ReleaseVersion({ of }: { of: Schemas["Deployment"] }) {
  const words = useWords();
  const [isOpen, setOpen] = useState(false);
  const versions = useVersions(of.model);
  const release = useRelease(of.name);
  const [number, setNumber] = useState<number | null>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (number !== null) release.mutate(number, { onSuccess: () => setOpen(false) });
  };
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        {words.deployments.release}
      </button>
      <Ask title={`${words.deployments.release}: ${of.name}`} isOpen={isOpen} close={() => setOpen(false)}>
        <form onSubmit={submit}>
          <p>{words.deployments.releaseHint}</p>
          <label>
            {words.common.version}
            <select required value={number ?? ""} onChange={(event) => setNumber(Number(event.target.value))}>
              <option value="" disabled />
              {versions.items.map((version) => (
                <option key={version.number} value={version.number} disabled={version.number === of.released?.number}>
                  {version.number} · {version.author_name} · {version.digest.slice(0, 12)}
                </option>
              ))}
            </select>
          </label>
          {release.error !== null && <Wrong error={release.error} />}
          <div className="actions">
            <button type="button" onClick={() => setOpen(false)}>
              {words.common.cancel}
            </button>
            <button type="submit" className="primary" disabled={release.isPending || number === null}>
              {words.deployments.releaseSubmit}
            </button>
          </div>
        </form>
      </Ask>
    </>
  );
}
