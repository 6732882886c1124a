// The receipt of a decision, verified by this browser and by nobody else.
import { useState } from "react";
import { fetchReceipt, useStatus } from "../api/queries";
import { useWords } from "../i18n";
import { useSetting } from "../settings";
import { Panel, save, Short, Wrong } from "../ui/basics";
import { Refused, STEPS, type Verified, verifyReceipt } from "../verify/receipt";

type Outcome = { holds: Verified } | { refused: Refused } | { error: unknown };

export default function Receipt({ id }: { id: string }) {
  const words = useWords();
  const [trusted, trust] = useSetting("logKey");
  const named = useStatus(true).data?.ledger.log.key;
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [isBusy, setBusy] = useState(false);
  const key = trusted || named || "";
  const get = async (use: (receipt: unknown) => void) => {
    setBusy(true);
    try {
      use(await fetchReceipt(id));
    } catch (error) {
      setOutcome(error instanceof Refused ? { refused: error } : { error });
    }
    setBusy(false);
  };
  const verify = (receipt: unknown) => {
    const holds = verifyReceipt(receipt, key);
    if (holds.decision !== id) throw new Refused("leaf", "the receipt is another decision's");
    setOutcome({ holds });
  };
  // A file has all members, also those that are null.
  const keep = (receipt: unknown) => save(`receipt-${id}.json`, "application/json", JSON.stringify({ sealed: null, record_key: null, ...(receipt as object) }, null, 2));
  return (
    <Panel>
      <p className="soft">{words.decision.explainVerify}</p>
      <p>
        {words.decision.trusted}: <Short of={key} length={44} />
      </p>
      {named && trusted && named !== trusted && <div className="note warn">{words.decision.otherKey}</div>}
      {!trusted && named && (
        <p>
          <span className="soft">{words.decision.trustHint}</span>{" "}
          <button type="button" onClick={() => trust(named)}>
            {words.decision.trust}
          </button>
        </p>
      )}
      <div className="bar">
        <button type="button" className="primary" disabled={isBusy || key === ""} onClick={() => void get(verify)}>
          {isBusy ? words.decision.verifying : words.decision.verify}
        </button>
        <button type="button" disabled={isBusy} onClick={() => void get(keep)}>
          {words.common.download}
        </button>
      </div>
      <div role="status">{outcome && <Shown of={outcome} />}</div>
    </Panel>
  );
}

function Shown({ of }: { of: Outcome }) {
  const words = useWords();
  if ("error" in of) return <Wrong error={of.error} />;
  const failed = "refused" in of ? STEPS.indexOf(of.refused.step) : STEPS.length;
  return (
    <>
      <div className={`note ${"holds" in of ? "good" : "bad"}`}>
        <strong>{"holds" in of ? words.decision.holds : words.decision.broken}</strong>
        {"refused" in of && <div>{of.refused.message}</div>}
        {"holds" in of && (
          <div>
            {words.decision.entry(of.holds.index, of.holds.size)} · <code>{of.holds.origin}</code>
          </div>
        )}
      </div>
      <ol className="steps">
        {STEPS.filter((step) => step !== "body" || !("holds" in of) || of.holds.hasBody).map((step, n) => (
          <li key={step}>
            {n < failed ? "✓" : n === failed ? "✗" : "·"} {words.decision.steps[step]}
          </li>
        ))}
      </ol>
    </>
  );
}
