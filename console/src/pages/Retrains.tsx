// Training again: what asked for it, how far it is, what the trainer says, what came of it.
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import type { Schemas } from "../api/client";
import { useSession } from "../api/queries";
import { useApproveRetrain, useCancelRetrain, useRequestRetrain, useRetrain, useRetrainLog, useRetrains } from "../api/watch";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { useAddress } from "../ui/address";
import { Ask, Badge, csv, Empty, Facts, Head, List, Loaded, Panel, save, Short, type Tone, When, Wrong } from "../ui/basics";
import { DeploymentLink, ModelLink } from "../ui/words";
import { DeploymentSelect } from "./Findings";

type Shown = Schemas["Retrain"];
const TONES: Record<Shown["state"], Tone> = { waiting: "warn", queued: "idle", training: "warn", registering: "warn", candidate: "good", failed: "bad", cancelled: "idle" };
const STEPS: Shown["state"][] = ["waiting", "queued", "training", "registering", "candidate"];
const isOver = (state: Shown["state"]) => state === "candidate" || state === "failed" || state === "cancelled";

function State({ of }: { of: Shown["state"] }) {
  const words = useWords().watch.retrains;
  return <Badge tone={TONES[of]}>{words.states[of] ?? of}</Badge>;
}

export default function Retrains() {
  const { watch: words, common } = useWords();
  const own = words.retrains;
  const session = useSession().data;
  const [deployment, setDeployment] = useAddress("deployment");
  const retrains = useRetrains(deployment);
  const columns = [
    { name: common.created, cell: (row: Shown) => <Link href={`/retrains/${row.id}`}><When at={row.created_at} /></Link>, text: (row: Shown) => row.created_at },
    { name: words.silences.deployment, cell: (row: Shown) => <DeploymentLink name={row.deployment} />, text: (row: Shown) => row.deployment },
    { name: common.state, cell: (row: Shown) => <State of={row.state} />, text: (row: Shown) => row.state },
    { name: own.trigger, cell: (row: Shown) => own.triggers[row.trigger] ?? row.trigger, text: (row: Shown) => row.trigger },
    { name: common.reason, cell: (row: Shown) => <span className="small">{row.reason}</span>, text: (row: Shown) => row.reason },
    { name: own.trainer, cell: (row: Shown) => row.policy.trainer, text: (row: Shown) => row.policy.trainer },
    { name: own.candidate, cell: (row: Shown) => (row.version == null ? "–" : <><ModelLink name={row.model} /> {row.version}</>), text: (row: Shown) => String(row.version ?? "") },
    { name: own.attempts, cell: (row: Shown) => row.attempts, text: (row: Shown) => String(row.attempts), isNumber: true },
  ];
  return (
    <>
      <Head title={own.title}>{may(session, "RequestRetrain") && <Request />}</Head>
      <Panel>
        <div className="bar">
          <DeploymentSelect value={deployment ?? ""} change={setDeployment} all={common.all} />
          <button type="button" onClick={() => void retrains.refetch()}>{common.refresh}</button>
          <button type="button" disabled={retrains.items.length === 0} onClick={() => save("retrainings.csv", "text/csv", csv(retrains.items, columns))}>{common.exportCsv}</button>
        </div>
        <List of={retrains} label={own.title} id={(row) => row.id} empty={own.empty} columns={columns} />
      </Panel>
    </>
  );
}

function Request() {
  const { watch: words, common } = useWords();
  const own = words.retrains;
  const [, go] = useLocation();
  const [isOpen, setOpen] = useState(false);
  const [deployment, setDeployment] = useState("");
  const [reason, setReason] = useState("");
  const request = useRequestRetrain();
  const close = () => {
    setOpen(false);
    request.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    request.mutate({ deployment, reason }, { onSuccess: (made) => go(`/retrains/${made.id}`) });
  };
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>{own.ask}</button>
      <Ask title={own.ask} isOpen={isOpen} close={close}>
        <form onSubmit={submit}>
          <p>{own.askHint}</p>
          <DeploymentSelect value={deployment} change={setDeployment} />
          <label>
            {common.reason}
            <input required value={reason} maxLength={1000} onChange={(event) => setReason(event.target.value)} />
          </label>
          {request.error !== null && <Wrong error={request.error} />}
          <div className="actions">
            <button type="button" onClick={close}>{common.cancel}</button>
            <button type="submit" className="primary" disabled={request.isPending}>{own.ask}</button>
          </div>
        </form>
      </Ask>
    </>
  );
}

export function Retrain({ id }: { id: string }) {
  const { watch: words, common } = useWords();
  const own = words.retrains;
  const session = useSession().data;
  const retrain = useRetrain(id);
  return (
    <Loaded of={retrain}>
      {(of) => (
        <>
          <Head title={`${own.title}: ${of.deployment}`}>
            <State of={of.state} />
            {of.state === "waiting" && may(session, "ApproveRetrain") && <Approve id={id} />}
            {!isOver(of.state) && may(session, "RequestRetrain") && <Cancel id={id} />}
          </Head>
          <div className="two">
            <Panel title={own.steps}>
              <ol className="steps">
                {STEPS.map((step) => {
                  const [at, now] = [STEPS.indexOf(step), STEPS.indexOf(of.state)];
                  const isDone = of.state === "candidate" || (now >= 0 && at < now);
                  return (
                    <li key={step} aria-current={step === of.state ? "step" : undefined}>
                      {isDone ? "✓" : step === of.state ? "●" : "○"} {own.states[step]}
                    </li>
                  );
                })}
              </ol>
              {of.why && <div className="note bad">{of.why}</div>}
            </Panel>
            <Panel>
              <Facts
                of={[
                  [words.silences.deployment, <DeploymentLink key="d" name={of.deployment} />],
                  [own.trigger, own.triggers[of.trigger] ?? of.trigger],
                  [common.reason, <span key="r" className="wraps">{of.reason}</span>],
                  ...(of.finding ? [[own.finding, <Link key="f" href={`/findings/${of.finding}`}>{of.finding}</Link>] as const] : []),
                  [own.trainer, of.policy.trainer],
                  [own.attempts, of.attempts],
                  [common.created, <When key="c" at={of.created_at} />],
                  [own.candidate, of.version == null ? "–" : <Link key="v" href={`/lineage?at=${encodeURIComponent(`model:${of.model}/${of.version}`)}`}>{`${of.model}/${of.version}`}</Link>],
                ]}
              />
            </Panel>
          </div>
          {of.manifest && <Rows of={of.manifest} />}
          <Log id={id} />
        </>
      )}
    </Loaded>
  );
}

function Rows({ of }: { of: Schemas["TrainingManifest"] }) {
  const { watch: words, common } = useWords();
  const own = words.retrains;
  return (
    <Panel title={own.rows}>
      <Facts
        of={[
          [own.rows, of.rows.toLocaleString()],
          [own.window, <span key="w"><When at={of.from} /> – <When at={of.until} /></span>],
          [own.query, <code key="q">{of.sql}</code>],
          [own.leftOut, of.left_out.join(", ") || common.none],
          [common.digest, <Short key="d" of={of.digest} />],
        ]}
      />
    </Panel>
  );
}

/** What the trainer says; goes on as it speaks, and stays at the end unless the reader scrolled up. */
function Log({ id }: { id: string }) {
  const words = useWords().watch.retrains;
  const session = useSession().data;
  const isAllowed = may(session, "SetRetrainPolicy");
  const { text, isOver, error } = useRetrainLog(id, isAllowed);
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  // biome-ignore: scrolled when more was said.
  useEffect(() => {
    if (box.current && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  return (
    <Panel title={words.log} aside={isAllowed && <Badge tone={isOver ? "idle" : "good"}>{isOver ? words.over : words.following}</Badge>}>
      {!isAllowed ? (
        <p className="note">{words.logMayNot}</p>
      ) : error !== null ? (
        <Wrong error={error} />
      ) : text === "" ? (
        <Empty>{words.noLog}</Empty>
      ) : (
        <pre
          ref={box}
          className="log mono"
          tabIndex={0}
          aria-label={words.log}
          onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
            isAtEnd.current = scrollHeight - scrollTop - clientHeight < 20;
          }}
        >
          {text}
        </pre>
      )}
    </Panel>
  );
}

function Approve({ id }: { id: string }) {
  const words = useWords().watch.retrains;
  const approve = useApproveRetrain();
  return (
    <>
      <button type="button" className="primary" disabled={approve.isPending} onClick={() => approve.mutate(id)}>{words.approve}</button>
      {approve.error !== null && <Wrong error={approve.error} />}
    </>
  );
}

function Cancel({ id }: { id: string }) {
  const { watch: words, common } = useWords();
  const own = words.retrains;
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const cancel = useCancelRetrain();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    cancel.mutate({ id, reason }, { onSuccess: () => setOpen(false) });
  };
  return (
    <>
      <button type="button" className="danger" onClick={() => setOpen(true)}>{own.cancel}</button>
      <Ask title={own.cancel} isOpen={isOpen} close={() => setOpen(false)}>
        <form onSubmit={submit}>
          <label>
            {common.reason}
            <input required value={reason} maxLength={1000} onChange={(event) => setReason(event.target.value)} />
          </label>
          {cancel.error !== null && <Wrong error={cancel.error} />}
          <div className="actions">
            <button type="button" onClick={() => setOpen(false)}>{common.close}</button>
            <button type="submit" className="danger" disabled={cancel.isPending}>{own.cancel}</button>
          </div>
        </form>
      </Ask>
    </>
  );
}
