// One decision: what was asked, what was answered and why, and the proof that it was recorded.
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, lazy, Suspense, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useErase, useExplanation, useReplay, useSession, useTrace } from "../api/queries";
import { useLanguage, useWords } from "../i18n";
import { may } from "../shell/App";
import { duration } from "../time";
import { Ask, Badge, Facts, Head, Loaded, Panel, save, Short, Skeleton, Table, When, Wrong } from "../ui/basics";
import { Waterfall } from "../ui/charts";
import { DeploymentLink, ModelLink, ResultBadge } from "../ui/words";
import { ReviewPanel } from "./DecisionReview";

// The verifier and its curve are loaded when somebody verifies.
const Receipt = lazy(() => import("./DecisionReceipt"));

export default function Decision({ id }: { id: string }) {
  const words = useWords();
  const trace = useTrace(id);
  const session = useSession().data;
  return (
    <>
      <Head title={words.decision.title}>
        <code>{id}</code>
        {trace.data && (
          <button type="button" onClick={() => save(`decision-${id}.json`, "application/json", JSON.stringify(trace.data, null, 2))}>
            {words.decision.save}
          </button>
        )}
        {trace.data && may(session, "ReadLineage") && (
          <Link className="button" href={`/lineage?at=decision:${id}`}>
            {words.nav.lineage}
          </Link>
        )}
        {trace.data && may(session, "EraseSubject") && <Forget of={trace.data.decision} />}
      </Head>
      <Loaded of={trace}>
        {(found) => (
          <>
            <Summary of={found} />
            <Tabs className="tabs">
              <TabList aria-label={words.decision.title}>
                <Tab id="values">{words.decision.values}</Tab>
                {may(session, "ReadDecisionBody") && <Tab id="explanation">{words.decision.explanation}</Tab>}
                <Tab id="how">{words.decision.how}</Tab>
                <Tab id="receipt">{words.decision.receipt}</Tab>
                <Tab id="review">{words.decision.review}</Tab>
              </TabList>
              <TabPanel id="values">
                <Values of={found.decision} />
              </TabPanel>
              <TabPanel id="explanation">
                <Explained id={id} rows={found.decision.body?.rows.length ?? 1} />
              </TabPanel>
              <TabPanel id="how">
                <How of={found} />
                <Replay id={id} />
              </TabPanel>
              <TabPanel id="receipt">
                <Suspense fallback={<Skeleton />}>
                  <Receipt id={id} />
                </Suspense>
              </TabPanel>
              <TabPanel id="review">
                <ReviewPanel id={id} />
              </TabPanel>
            </Tabs>
          </>
        )}
      </Loaded>
    </>
  );
}

/** Erases everything about the person that the decision is about, whom the contract names. */
function Forget({ of }: { of: Schemas["Decision"] }) {
  const words = useWords();
  const subjects = of.body?.mapped.filter(({ role }) => role === "subject").map(({ value }) => value) ?? [];
  const [isOpen, setOpen] = useState(false);
  const [subject, setSubject] = useState("");
  const [reason, setReason] = useState("");
  const erase = useErase();
  const queries = useQueryClient();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const done = () => {
      setOpen(false);
      void queries.invalidateQueries({ queryKey: ["trace", of.summary.id] });
    };
    erase.mutate({ subject, reason, rotate_now: false }, { onSuccess: done });
  };
  return (
    <>
      <button
        type="button"
        className="danger"
        onClick={() => {
          setSubject(subjects[0] ?? "");
          setOpen(true);
        }}
      >
        {words.decision.forget}
      </button>
      <Ask title={words.decision.forget} isOpen={isOpen} close={() => setOpen(false)}>
        <form onSubmit={submit}>
          <p>{words.subjects.eraseHint}</p>
          <label>
            {words.subjects.subject}
            <input required value={subject} autoComplete="off" onChange={(event) => setSubject(event.target.value)} />
          </label>
          <label>
            {words.common.reason}
            <input required value={reason} maxLength={1000} onChange={(event) => setReason(event.target.value)} />
          </label>
          {erase.error !== null && <Wrong error={erase.error} />}
          <div className="actions">
            <button type="button" onClick={() => setOpen(false)}>
              {words.common.cancel}
            </button>
            <button type="submit" className="danger" disabled={erase.isPending}>
              {words.subjects.erase}
            </button>
          </div>
        </form>
      </Ask>
    </>
  );
}

function Summary({ of }: { of: Schemas["Trace"] }) {
  const words = useWords();
  const { summary, body } = of.decision;
  return (
    <Panel>
      <Facts
        of={[
          [words.decisions.result, <ResultBadge key="result" of={summary.result} />],
          [words.common.time, <When key="time" at={summary.time} />],
          [words.decisions.deployment, <DeploymentLink key="deployment" name={summary.deployment} />],
          [words.decision.route, of.route.why],
          [words.decision.asked, body?.principal_name ?? body?.principal ?? "–"],
        ]}
      />
    </Panel>
  );
}

function Values({ of }: { of: Schemas["Decision"] }) {
  const words = useWords();
  const { body } = of;
  if (!body) {
    return (
      <div className="note warn">
        {words.decision.withheld}: {of.body_withheld}
      </div>
    );
  }
  return (
    <>
      {body.refusal && (
        <Panel title={words.decision.refusal}>
          <Facts
            of={[
              [words.decisions.phase, body.refusal.phase],
              [words.decision.code, body.refusal.code],
              [words.decision.field, body.refusal.field],
              [words.decision.rule, body.refusal.rule],
            ]}
          />
        </Panel>
      )}
      <div className="two">
        <Panel title={words.decision.inputs}>
          {body.rows.map((row, n) => (
            // biome-ignore: rows have no name but their place.
            <div key={n}>
              {body.rows.length > 1 && <h3>{words.decision.row(n)}</h3>}
              <Table
                label={`${words.decision.inputs} ${n + 1}`}
                of={Object.entries(row as Record<string, unknown>)}
                id={([name]) => name}
                columns={[
                  { name: words.decision.field, cell: ([name]) => <code>{name}</code> },
                  { name: words.decision.value, cell: ([, value]) => plain(value) },
                ]}
              />
            </div>
          ))}
        </Panel>
        <div>
          <Panel title={words.decision.outputs}>
            <Facts of={body.outputs.map((output) => [output.name, output.values.join(", ")] as const)} />
          </Panel>
          <Phases of={body.phases} />
        </div>
      </div>
    </>
  );
}

const plain = (value: unknown) => (value === null ? <span className="soft">null</span> : typeof value === "object" ? JSON.stringify(value) : String(value));

function Phases({ of }: { of: Schemas["PhaseTime"][] }) {
  const words = useWords();
  const total = of.reduce((sum, phase) => sum + phase.nanos, 0);
  return (
    <Panel title={words.decision.phases}>
      <div className="phases" aria-hidden="true">
        {of.map((phase) => (
          <span key={phase.phase} title={`${phase.phase} ${duration(phase.nanos)}`} style={{ width: `${(phase.nanos / Math.max(total, 1)) * 100}%` }} />
        ))}
      </div>
      <br />
      <Facts of={[...of.map((phase) => [phase.phase, duration(phase.nanos)] as const), [words.decision.total, duration(total)]]} />
    </Panel>
  );
}

const AUDIENCES = ["subject", "officer", "engineer"] as const;

function Explained({ id, rows }: { id: string; rows: number }) {
  const words = useWords();
  const own = useLanguage();
  const [audience, setAudience] = useState<Schemas["Audience"]>("officer");
  const [language, setLanguage] = useState<string>(own);
  const [row, setRow] = useState(0);
  const found = useExplanation(id, audience, language, row);
  return (
    <Panel>
      <div className="bar">
        <label>
          {words.decision.audience}
          <select value={audience} onChange={(event) => setAudience(event.target.value as Schemas["Audience"])}>
            {AUDIENCES.map((who) => (
              <option key={who} value={who}>
                {words.decision[who]}
              </option>
            ))}
          </select>
        </label>
        <label>
          {words.settings.language}
          <select value={language} onChange={(event) => setLanguage(event.target.value)}>
            <option value="en">English</option>
            <option value="de">Deutsch</option>
          </select>
        </label>
        {rows > 1 && (
          <label>
            {words.decision.row(row)}
            <input type="number" min={1} max={rows} value={row + 1} onChange={(event) => setRow(Math.min(Math.max(Number(event.target.value), 1), rows) - 1)} />
          </label>
        )}
      </div>
      {found.error !== null ? <Wrong error={found.error} /> : <Loaded of={found}>{({ account }) => <AccountShown of={account} />}</Loaded>}
    </Panel>
  );
}

function AccountShown({ of }: { of: Schemas["Account"] }) {
  const words = useWords();
  const bars = of.inputs.filter((input) => typeof input.contribution === "number").map((input) => ({ label: `${input.label} = ${input.value}`, value: input.contribution ?? 0 }));
  return (
    <div className="stack" lang={of.language}>
      {of.outcome && <strong>{of.outcome}</strong>}
      <div>{of.principles}</div>
      {of.reasons.length > 0 && (
        <div>
          <h3>{words.decision.reasons}</h3>
          <ol>
            {of.reasons.map((reason) => (
              <li key={reason.code}>
                {reason.sentence} <span className="badge">{reason.code}</span>
              </li>
            ))}
          </ol>
        </div>
      )}
      {of.figures && bars.length > 0 && (
        <div>
          <h3>{words.decision.contributions}</h3>
          <Waterfall of={bars} base={of.figures.base} end={of.figures.margin} title={words.decision.contributions} />
        </div>
      )}
      {of.change && (
        <div>
          <h3>{words.decision.change}</h3>
          {of.change}
        </div>
      )}
      {of.rights && (
        <div>
          <h3>{words.decision.rights}</h3>
          {of.rights}
        </div>
      )}
      {of.inputs.length > 0 && (
        <Table
          label={words.decision.contributions}
          of={of.inputs}
          id={(input) => input.feature}
          columns={[
            { name: words.decision.field, cell: (input) => input.label },
            { name: words.decision.value, cell: (input) => input.value },
            { name: words.decision.contributions, cell: (input) => input.contribution?.toPrecision(4) ?? "–", isNumber: true },
          ]}
        />
      )}
    </div>
  );
}

function How({ of }: { of: Schemas["Trace"] }) {
  const words = useWords();
  const force = (isInForce: boolean) => <Badge tone={isInForce ? "good" : "idle"}>{isInForce ? words.decision.inForce : words.decision.replaced}</Badge>;
  return (
    <>
      <div className="two">
        <Panel title={words.decision.model}>
          {of.model ? (
            <Facts
              of={[
                [words.common.name, <ModelLink key="name" name={of.model.name} />],
                [words.common.version, of.model.version],
                [words.models.format, of.model.facts.format],
                [words.models.author, of.model.author_name],
                [words.common.created, <When key="created" at={of.model.created_at} />],
                [words.common.digest, <Short key="digest" of={of.model.manifest} />],
              ]}
            />
          ) : (
            "–"
          )}
        </Panel>
        <Panel title={`${words.decision.contract}, ${words.decision.policy}`}>
          <Facts
            of={[
              [words.decision.contract, of.contract ? <Short key="contract" of={of.contract.digest} /> : null],
              ["", of.contract ? force(of.contract.is_in_force) : null],
              [words.decision.policy, of.policy ? <Short key="policy" of={of.policy.digest} /> : null],
              [" ", of.policy ? force(of.policy.is_in_force) : null],
            ]}
          />
        </Panel>
      </div>
      <Panel title={words.decision.records}>
        <Table
          label={words.decision.records}
          of={of.records}
          id={(record) => String(record.index)}
          columns={[
            { name: "#", cell: (record) => record.index, isNumber: true },
            { name: words.common.time, cell: (record) => <When at={record.time} /> },
            { name: words.access.kind, cell: (record) => record.kind },
            { name: "", cell: (record) => record.says ?? "" },
          ]}
        />
      </Panel>
    </>
  );
}

function Replay({ id }: { id: string }) {
  const words = useWords();
  const replay = useReplay();
  return (
    <Panel title={words.decision.replay}>
      <p className="soft">{words.decision.replayHint}</p>
      <button type="button" disabled={replay.isPending} onClick={() => replay.mutate(id)}>
        {words.decision.replay}
      </button>
      {replay.error !== null && <Wrong error={replay.error} />}
      {replay.data && (
        <p role="status">
          <Badge tone={replay.data.result === "bit_equal" ? "good" : replay.data.result === "different" ? "bad" : "idle"}>{words.decision[replay.data.result]}</Badge>{" "}
          {replay.data.differing > 0 && words.decision.differing(replay.data.differing, replay.data.values)}
        </p>
      )}
    </Panel>
  );
}
