// What is put off for a time, and the glass that is broken in an emergency.
import { useState } from "react";
import type { Schemas } from "../api/client";
import { useSession } from "../api/queries";
import { useCatalogue, useExceptions, useExceptionVerbs, useGlasses, useGlassVerbs } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Badge, Empty, Loaded, Panel, Table, When, Wrong } from "../ui/basics";
import { Asked, Lacks, Reason } from "../ui/release";

const DAY = 24 * 3600 * 1000;
const HOUR = 3600 * 1000;
const MAX_DAYS = 180;
const MAX_HOURS = 72;

const later = (milliseconds: number) => new Date(Date.now() + milliseconds).toISOString();

export function Exceptions({ name }: { name: string }) {
  const words = useWords();
  const said = words.gate;
  const session = useSession().data;
  const exceptions = useExceptions(name);
  const verbs = useExceptionVerbs(name);
  const error = verbs.allow.error ?? verbs.end.error;
  return (
    <>
      <Panel title={said.exceptions} aside={may(session, "AssessDeployment") && <AskException name={name} />}>
        {error !== null && <Wrong error={error} />}
        <Loaded of={exceptions}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty>{said.noExceptions}</Empty>
            ) : (
              <Table
                of={items}
                label={said.exceptions}
                id={(one) => one.id}
                columns={[
                  { name: said.puts, cell: (one) => one.check },
                  { name: said.makesUp, cell: (one) => one.compensating },
                  { name: words.common.state, cell: (one) => <Counts of={one} /> },
                  { name: said.owner, cell: (one) => one.owner },
                  { name: words.common.reason, cell: (one) => one.reason },
                  { name: said.requestedBy, cell: (one) => one.requested_by },
                  { name: said.allowedBy, cell: (one) => one.approved_by ?? <span className="soft">{said.notYet}</span> },
                  { name: said.until, cell: (one) => <When at={one.until} /> },
                  {
                    name: "",
                    cell: (one) =>
                      may(session, "AllowException") && (
                        <>
                          {!one.approved_by && (
                            <button type="button" disabled={verbs.allow.isPending} onClick={() => verbs.allow.mutate(one.id)}>
                              {said.allow}
                            </button>
                          )}{" "}
                          <button type="button" disabled={verbs.end.isPending} onClick={() => verbs.end.mutate(one.id)}>
                            {said.end}
                          </button>
                        </>
                      ),
                  },
                ]}
              />
            )
          }
        </Loaded>
        <Lacks actions={["AssessDeployment", "AllowException"]} />
      </Panel>
      <Emergency name={name} />
    </>
  );
}

function Counts({ of }: { of: Schemas["GateException"] }) {
  const words = useWords().gate;
  return of.objection ? <Badge tone="warn">{of.objection}</Badge> : <Badge tone="good">{words.counts}</Badge>;
}

function AskException({ name }: { name: string }) {
  const words = useWords();
  const said = words.gate;
  const catalogue = useCatalogue();
  const { ask } = useExceptionVerbs(name);
  const [check, setCheck] = useState("");
  const [compensating, setCompensating] = useState("");
  const [owner, setOwner] = useState("");
  const [reason, setReason] = useState("");
  const [days, setDays] = useState(30);
  const demands = catalogue.data?.demands ?? [];
  const option = (demand: Schemas["GateDemand"]) => (
    <option key={demand.id} value={demand.id}>
      {demand.id}: {demand.question}
    </option>
  );
  return (
    <Asked
      label={said.ask}
      says={said.askHint}
      pending={ask.isPending}
      error={ask.error}
      reset={ask.reset}
      act={(done) => ask.mutate({ check, compensating, owner, reason, until: later(days * DAY) }, { onSuccess: done })}
    >
      <label>
        {said.puts}
        <select required value={check} onChange={(event) => setCheck(event.target.value)}>
          <option value="" disabled />
          {demands.filter(({ deferrable }) => deferrable).map(option)}
        </select>
      </label>
      <label>
        {said.makesUp}
        <select required value={compensating} onChange={(event) => setCompensating(event.target.value)}>
          <option value="" disabled />
          {demands.filter(({ id }) => id !== check).map(option)}
        </select>
      </label>
      <label>
        {said.owner}
        <input required value={owner} maxLength={200} onChange={(event) => setOwner(event.target.value)} />
      </label>
      <Reason value={reason} change={setReason} />
      <label>
        {said.days}
        <input type="number" required min={1} max={MAX_DAYS} value={days} onChange={(event) => setDays(Number(event.target.value))} />
      </label>
    </Asked>
  );
}

/** Loud: whoever looks at a gate sees that its glass is broken, and that nobody looked at it yet. */
export function Glass({ name }: { name: string }) {
  const words = useWords().gate;
  const session = useSession().data;
  const glasses = useGlasses(name);
  const { review } = useGlassVerbs(name);
  const broken = glasses.data?.items.filter((glass) => !glass.reviewed_by) ?? [];
  return (
    <>
      {broken.map((glass) => (
        <div className="note bad loud" role="alert" key={glass.id}>
          <strong>{words.broken(glass.by)}</strong>
          <div>{glass.reason}</div>
          <div className="small">
            {words.until} <When at={glass.until} />
          </div>
          {review.error !== null && <Wrong error={review.error} />}
          {may(session, "AllowException") && (
            <button type="button" disabled={review.isPending} onClick={() => review.mutate(glass.id)}>
              {words.reviewGlass}
            </button>
          )}
        </div>
      ))}
    </>
  );
}

function Emergency({ name }: { name: string }) {
  const words = useWords();
  const said = words.gate;
  const session = useSession().data;
  const glasses = useGlasses(name);
  const { smash } = useGlassVerbs(name);
  const [reason, setReason] = useState("");
  const [hours, setHours] = useState(1);
  return (
    <Panel
      title={said.glass}
      aside={
        may(session, "BreakGlass") && (
          <Asked
            label={said.smash}
            says={said.glassHint}
            tone="danger"
            pending={smash.isPending}
            error={smash.error}
            reset={smash.reset}
            act={(done) => smash.mutate({ reason, until: later(hours * HOUR) }, { onSuccess: done })}
          >
            <Reason value={reason} change={setReason} />
            <label>
              {said.hours}
              <input type="number" required min={1} max={MAX_HOURS} value={hours} onChange={(event) => setHours(Number(event.target.value))} />
            </label>
          </Asked>
        )
      }
    >
      <p className="soft small">{said.glassHint}</p>
      <Loaded of={glasses}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>{said.noGlass}</Empty>
          ) : (
            <Table
              of={items}
              label={said.glass}
              id={(glass) => glass.id}
              columns={[
                { name: words.common.time, cell: (glass) => <When at={glass.from} /> },
                { name: said.until, cell: (glass) => <When at={glass.until} /> },
                { name: words.ledger.by, cell: (glass) => glass.by },
                { name: words.common.reason, cell: (glass) => glass.reason },
                { name: said.reviewed, cell: (glass) => glass.reviewed_by ?? <Badge tone="bad">{said.notYet}</Badge> },
              ]}
            />
          )
        }
      </Loaded>
      <Lacks actions={["BreakGlass"]} />
    </Panel>
  );
}
