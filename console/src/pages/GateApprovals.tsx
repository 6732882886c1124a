// Consent, as one reviews a change: what is approved is a digest, and who approves signs it with a key of their own.
import { useEffect, useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { approve, canSign, endKey, heldOf, makeKey } from "../api/approver";
import type { Schemas } from "../api/client";
import { useSession } from "../api/queries";
import { useApprovalKeys } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Badge, Empty, Facts, Loaded, Panel, Short, Table, When, Wrong } from "../ui/basics";
import { Asked, Lacks } from "../ui/release";

export function Approvals({ of }: { of: Schemas["ReleaseStanding"] }) {
  const words = useWords().gate;
  const session = useSession().data;
  return (
    <div className="two">
      <Panel title={words.review}>
        <p className="soft small">{words.reviewHint}</p>
        <Facts
          of={[
            [words.artifact, <code key="artifact">{of.artifact}</code>],
            [words.digest, of.gate ? <code key="gate">{of.gate}</code> : "–"],
            [words.approvals, `${words.people(of.approved_by.length, of.people)}${of.roles.length > 0 ? `; ${words.roles(of.roles.join(", "))}` : ""}`],
          ]}
        />
        <h3>{words.approvedBy}</h3>
        {of.approved_by.length === 0 ? (
          <span className="soft">{words.nobodyYet}</span>
        ) : (
          <ul>
            {of.approved_by.map((who) => (
              <li key={who}>
                <Badge tone="good">✓</Badge> {who}
              </li>
            ))}
          </ul>
        )}
        {of.void.length > 0 && (
          <>
            <h3>{words.void}</h3>
            <ul>
              {of.void.map((why, place) => (
                // biome-ignore: two approvals may be void for the same reason.
                <li key={place}>{why}</li>
              ))}
            </ul>
          </>
        )}
      </Panel>
      {may(session, "ApproveRelease") ? <Own of={of} /> : <Lacks actions={["ApproveRelease"]} />}
    </div>
  );
}

/** What this browser can sign with: nothing is known until it was asked. */
export function useHeld(keys: readonly Schemas["ApprovalKey"][] | undefined) {
  const [can, setCan] = useState<boolean | null>(null);
  const [held, setHeld] = useState<readonly string[]>([]);
  useEffect(() => {
    let isOver = false;
    void (async () => {
      const able = await canSign();
      const here = able && keys ? await heldOf(keys) : [];
      if (!isOver) {
        setCan(able);
        setHeld(here);
      }
    })();
    return () => {
      isOver = true;
    };
  }, [keys]);
  return { can, held };
}

function Own({ of }: { of: Schemas["ReleaseStanding"] }) {
  const words = useWords().gate;
  const { created } = useWords().common;
  const queries = useQueryClient();
  const keys = useApprovalKeys(true);
  const { can, held } = useHeld(keys.data?.items);
  const again = () => void queries.invalidateQueries({ queryKey: ["approval-keys"] });
  const make = useMutation({ mutationFn: makeKey, onSuccess: again });
  const consent = useMutation({
    mutationFn: (key: string) => approve(of, key),
    onSuccess: (after) => queries.setQueryData(["standing", of.deployment, of.version], after),
    onError: () => void queries.invalidateQueries({ queryKey: ["standing", of.deployment] }),
  });
  const mine = held[0];
  const command = `plimsoll gate approve ${of.deployment} --version ${of.version} --sign-with approval.key`;
  return (
    <Panel title={words.yourKey}>
      <div className="stack">
        <p className="soft small">{words.keyHint}</p>
        <Loaded of={keys}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty>{words.noKey}</Empty>
            ) : (
              <Table
                of={items}
                label={words.yourKey}
                id={(key) => key.id}
                columns={[
                  { name: words.yourKey, cell: (key) => <Short of={key.public_key} /> },
                  { name: "", cell: (key) => <Badge tone={held.includes(key.public_key) ? "good" : "idle"}>{held.includes(key.public_key) ? words.here : words.elsewhere}</Badge> },
                  { name: created, cell: (key) => <When at={key.at} /> },
                  { name: "", cell: (key) => <EndKey of={key} done={again} /> },
                ]}
              />
            )
          }
        </Loaded>
        {can === true && mine === undefined && (
          <>
            {(keys.data?.items.length ?? 0) > 0 && <p className="note warn">{words.notHere}</p>}
            <button type="button" disabled={make.isPending} onClick={() => make.mutate()}>
              {words.makeKey}
            </button>
          </>
        )}
        {make.error !== null && <Wrong error={make.error} />}
        {mine !== undefined && (
          <button type="button" className="primary" disabled={consent.isPending || !of.gate} onClick={() => consent.mutate(mine)}>
            {words.approve}
          </button>
        )}
        {consent.error !== null && <Wrong error={consent.error} />}
        {consent.isSuccess && (
          <p className="note good" role="status">
            {words.approved}
          </p>
        )}
        {can === false && <p className="note warn">{words.noCrypto}</p>}
        {can === true && <p className="soft small">{words.command}</p>}
        <code className="block">{command}</code>
      </div>
    </Panel>
  );
}

function EndKey({ of, done }: { of: Schemas["ApprovalKey"]; done: () => void }) {
  const words = useWords().gate;
  const end = useMutation({ mutationFn: endKey, onSuccess: done });
  return <Asked label={words.endKey} says={words.endKeyAsk} tone="danger" pending={end.isPending} error={end.error} reset={end.reset} act={(close) => end.mutate(of, { onSuccess: close })} />;
}
