// What only people can know of a deployment: who stated what, until when, and stating it oneself.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { attest, digestOf, makeKey } from "../api/approver";
import type { Schemas } from "../api/client";
import { useAttestations, useEndAttestation } from "../api/experiments";
import { useSession } from "../api/queries";
import { useApprovalKeys } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Badge, type Column, Empty, Loaded, Panel, Short, Table, When, Wrong } from "../ui/basics";
import { Asked, Lacks } from "../ui/release";
import { useHeld } from "./GateApprovals";

type Standing = Schemas["ReleaseStanding"];
type Attestation = Schemas["Attestation"];
type Demand = Schemas["AttestableDemand"];

/** The demand that asks whether a change is significant. */
const CHANGE = "CHG-01";
/** The largest document that a page digests, in bytes: it is held in memory for that. */
const MAX_DOCUMENT = 256 << 20;
/** The longest statement, in characters: the server takes 4,096 bytes. */
const MAX_SAYS = 1024;

const isOver = (of: Attestation, now: number) => Boolean(of.ended_by) || Date.parse(of.until) <= now;

export function Statements({ of }: { of: Standing }) {
  const words = useWords();
  const own = words.attest;
  const attestations = useAttestations(of.deployment);
  const [now] = useState(() => Date.now());
  const about = (one: Attestation) => (!one.artifact ? own.use : one.artifact === of.artifact ? own.version(of.version) : own.another);
  const columns: Column<Attestation>[] = [
    { name: own.demand, cell: (one) => <strong>{one.demand}</strong>, text: (one) => one.demand },
    {
      name: own.says,
      cell: (one) => (
        <>
          {one.significant != null && <Badge tone={one.significant ? "warn" : "idle"}>{one.significant ? own.significant : own.notSignificant}</Badge>} <span className="wraps">{one.says}</span>
        </>
      ),
      text: (one) => one.says,
    },
    { name: own.of, cell: about, text: about },
    { name: own.who, cell: (one) => one.by, text: (one) => one.by },
    { name: words.common.time, cell: (one) => <When at={one.at} />, text: (one) => one.at },
    { name: words.gate.until, cell: (one) => <When at={one.until} />, text: (one) => one.until },
    { name: own.evidence, cell: (one) => <Short of={one.evidence} />, text: (one) => one.evidence ?? "" },
    {
      name: words.common.state,
      cell: (one) => (one.ended_by ? <Badge>{own.ended(one.ended_by)}</Badge> : isOver(one, now) ? <Badge tone="warn">{own.over}</Badge> : <Badge tone="good">{own.counts}</Badge>),
      text: (one) => (one.ended_by ? own.ended(one.ended_by) : isOver(one, now) ? own.over : own.counts),
    },
    { name: "", cell: (one) => !isOver(one, now) && <EndIt of={one} name={of.deployment} /> },
  ];
  return (
    <Loaded of={attestations}>
      {({ items, may: possible }) => (
        <>
          <Panel title={own.title}>
            <p className="soft small">{own.hint}</p>
            {items.length === 0 ? <Empty>{own.empty}</Empty> : <Table of={items} label={own.title} id={(one) => one.id} columns={columns} />}
          </Panel>
          <Possible of={of} demands={possible} stated={items.filter((one) => !isOver(one, now) && (!one.artifact || one.artifact === of.artifact))} />
        </>
      )}
    </Loaded>
  );
}

function EndIt({ of, name }: { of: Attestation; name: string }) {
  const own = useWords().attest;
  const session = useSession().data;
  const end = useEndAttestation(name);
  // Whoever stated it takes it back, or who may allow exceptions; the server asks again.
  const isMine = session?.name === of.by;
  if (!may(session, "KeepApprovalKey") || !(isMine || may(session, "AllowException"))) return null;
  return <Asked label={own.end} says={own.endAsk} tone="danger" pending={end.isPending} error={end.error} reset={end.reset} act={(done) => end.mutate(of.id, { onSuccess: done })} />;
}

function Possible({ of, demands, stated }: { of: Standing; demands: readonly Demand[]; stated: readonly Attestation[] }) {
  const own = useWords().attest;
  const session = useSession().data;
  const mine = demands.filter(({ roles }) => session?.roles.some((own) => roles.includes(own)));
  const by = (demand: Demand) => [...new Set(stated.filter((one) => one.demand === demand.demand).map((one) => one.by))].join(", ");
  const columns: Column<Demand>[] = [
    { name: own.demand, cell: (one) => <strong>{one.demand}</strong>, text: (one) => one.demand },
    { name: own.says, cell: (one) => <>{one.states} {one.needs_evidence && <span className="soft small">({own.document})</span>}</>, text: (one) => one.states },
    { name: own.of, cell: (one) => (one.of_version ? own.version(of.version) : own.use), text: (one) => (one.of_version ? own.version(of.version) : own.use) },
    { name: own.who, cell: (one) => one.roles.join(", "), text: (one) => one.roles.join(", ") },
    { name: own.longest, cell: (one) => own.days(one.days), text: (one) => String(one.days), isNumber: true },
    { name: own.stated, cell: (one) => by(one) || <span className="soft">{own.missing}</span>, text: by },
  ];
  return (
    <Panel title={own.may} aside={mine.length > 0 && may(session, "KeepApprovalKey") && <StateIt of={of} demands={mine} />}>
      <p className="soft small">{mine.length > 0 ? own.yours : own.notYours}</p>
      {demands.length === 0 ? <Empty>{own.empty}</Empty> : <Table of={demands} label={own.may} id={(one) => one.demand} columns={columns} />}
      <Lacks actions={["KeepApprovalKey"]} />
    </Panel>
  );
}

function StateIt({ of, demands }: { of: Standing; demands: readonly Demand[] }) {
  const words = useWords();
  const own = words.attest;
  const queries = useQueryClient();
  const keys = useApprovalKeys(true);
  const { can, held } = useHeld(keys.data?.items);
  const make = useMutation({ mutationFn: makeKey, onSuccess: () => void queries.invalidateQueries({ queryKey: ["approval-keys"] }) });
  const [chosen, choose] = useState("");
  const [says, setSays] = useState("");
  const [days, setDays] = useState(90);
  const [file, setFile] = useState<File | null>(null);
  const [significant, setSignificant] = useState("");
  const demand = demands.find((one) => one.demand === chosen);
  const key = held[0];
  const isTooLarge = (file?.size ?? 0) > MAX_DOCUMENT;
  const state = useMutation({
    mutationFn: async (key: string) =>
      attest(
        {
          deployment: of.deployment,
          demand: chosen,
          says: says.trim(),
          days: Math.min(days, demand?.days ?? days),
          ...(demand?.of_version ? { version: { number: of.version, artifact: of.artifact } } : {}),
          ...(file ? { evidence: await digestOf(await file.arrayBuffer()) } : {}),
          ...(chosen === CHANGE ? { significant: significant === "yes" } : {}),
        },
        key,
      ),
    onSuccess: () => {
      setSays("");
      setFile(null);
      for (const stale of ["attestations", "standing"]) void queries.invalidateQueries({ queryKey: [stale, of.deployment] });
    },
  });
  return (
    <Asked label={own.make} says={own.makeAsk} pending={state.isPending || key === undefined || isTooLarge} error={state.error} reset={state.reset} act={(done) => key !== undefined && state.mutate(key, { onSuccess: done })}>
      {key === undefined && (
        <div className="note warn">
          {own.needKey}
          {can === true && (
            <p>
              <button type="button" disabled={make.isPending} onClick={() => make.mutate()}>
                {words.gate.makeKey}
              </button>
            </p>
          )}
          {make.error !== null && <Wrong error={make.error} />}
          <code className="block">{`plimsoll gate attest ${of.deployment} RSK-01 --says "…" --for 90d --sign-with my.key`}</code>
        </div>
      )}
      <label>
        {own.demand}
        <select
          required
          value={chosen}
          onChange={(event) => {
            choose(event.target.value);
            setDays(Math.min(90, demands.find((one) => one.demand === event.target.value)?.days ?? 90));
          }}
        >
          <option value="" disabled />
          {demands.map((one) => (
            <option key={one.demand} value={one.demand}>
              {one.demand}: {one.states}
            </option>
          ))}
        </select>
      </label>
      <label>
        {own.says}
        <textarea required rows={3} maxLength={MAX_SAYS} value={says} onChange={(event) => setSays(event.target.value)} />
      </label>
      {chosen === CHANGE && (
        <label>
          {own.significance}
          <select required value={significant} onChange={(event) => setSignificant(event.target.value)}>
            <option value="" disabled />
            <option value="yes">{own.significant}</option>
            <option value="no">{own.notSignificant}</option>
          </select>
        </label>
      )}
      <label>
        {own.file}
        <input type="file" required={demand?.needs_evidence ?? false} onChange={(event) => setFile(event.target.files?.[0] ?? null)} />
      </label>
      {isTooLarge && <p className="note warn">{own.tooLarge}</p>}
      <label>
        {own.daysLabel(demand?.days ?? 365)}
        <input type="number" required min={1} max={demand?.days ?? 365} value={days} onChange={(event) => setDays(Number(event.target.value))} />
      </label>
    </Asked>
  );
}
