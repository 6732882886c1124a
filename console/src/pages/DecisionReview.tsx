// What people said about a decision, and saying it.
import { type FormEvent, useState } from "react";
import type { Schemas } from "../api/client";
import { useReviewHistory, useSayReview, useSession } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Empty, Loaded, Panel, Table, When, Wrong } from "../ui/basics";

export function ReviewPanel({ id }: { id: string }) {
  const words = useWords();
  const history = useReviewHistory(id);
  const session = useSession().data;
  return (
    <Panel>
      <Loaded of={history}>
        {(found) =>
          found === null || (found.said ?? []).length === 0 ? (
            <Empty>{words.decision.noReview}</Empty>
          ) : (
            <Table
              label={words.decision.review}
              of={found.said ?? []}
              id={(said) => said.id}
              columns={[
                { name: words.common.time, cell: (said) => <When at={said.time} /> },
                { name: words.decision.review, cell: (said) => (said.verdict === "contested" ? words.reviews.contested : words.reviews[said.verdict]) },
                { name: words.reviews.reviewer, cell: (said) => said.principal_name ?? said.principal },
                { name: words.common.reason, cell: (said) => said.reason },
                { name: words.decision.outputs, cell: (said) => (said.after ? `${JSON.stringify(said.before)} → ${JSON.stringify(said.after)}` : "") },
              ]}
            />
          )
        }
      </Loaded>
      {(may(session, "ReviewDecision") || may(session, "ContestDecision")) && <Say id={id} session={session} />}
    </Panel>
  );
}

function Say({ id, session }: { id: string; session: Schemas["Session"] | undefined }) {
  const words = useWords();
  const say = useSayReview(id);
  const [verdict, setVerdict] = useState<Schemas["Verdict"]>(may(session, "ReviewDecision") ? "accepted" : "contested");
  const [reason, setReason] = useState("");
  const [outputs, setOutputs] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const said: Schemas["ReviewDecision"] = { verdict, ...(reason ? { reason } : {}) };
    if (verdict === "overridden") said.outputs = outputs.split(",").map(Number);
    say.mutate(said, { onSuccess: () => setReason("") });
  };
  return (
    <form className="bar" onSubmit={submit}>
      <label>
        {words.decision.review}
        <select value={verdict} onChange={(event) => setVerdict(event.target.value as Schemas["Verdict"])}>
          {may(session, "ReviewDecision") && <option value="accepted">{words.decision.accept}</option>}
          {may(session, "ReviewDecision") && <option value="overridden">{words.decision.override}</option>}
          {may(session, "ContestDecision") && <option value="contested">{words.decision.contest}</option>}
        </select>
      </label>
      {verdict === "overridden" && (
        <label>
          {words.decision.newOutputs}
          <input value={outputs} required pattern="\s*-?[0-9.]+(e-?[0-9]+)?(\s*,\s*-?[0-9.]+(e-?[0-9]+)?)*\s*" onChange={(event) => setOutputs(event.target.value)} />
        </label>
      )}
      <label>
        {words.common.reason}
        <input value={reason} size={40} required={verdict !== "accepted"} maxLength={1000} onChange={(event) => setReason(event.target.value)} />
      </label>
      <button type="submit" className="primary" disabled={say.isPending}>
        {words.decision[verdict === "accepted" ? "accept" : verdict === "overridden" ? "override" : "contest"]}
      </button>
      {say.error !== null && <Wrong error={say.error} />}
    </form>
  );
}
