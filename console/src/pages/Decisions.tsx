// Finds decisions: by id, deployment, result and time. The address holds what was asked.
import { type FormEvent, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { useDecisionsAbout } from "../api/experiments";
import { type Result, useDecisions, useDeployments, useLatest, useSession } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { ID } from "../shell/Palette";
import { rangeOf } from "../time";
import { csv, Empty, Head, List, Loaded, Panel, save, Table, Wrong } from "../ui/basics";
import { useAddress } from "../ui/address";
import { RangePicker } from "../ui/Range";
import { Views } from "../ui/views";
import { RESULTS, useDecisionColumns } from "../ui/words";

const LIVE_ROWS = 50;
/** Rows that fill a screen, and pages that are asked for until they are there. */
const ENOUGH = 20;
const MAX_LOOKS = 10;

export default function Decisions() {
  const words = useWords();
  const [deployment, setDeployment] = useAddress("deployment");
  const [result, setResult] = useAddress("result");
  const [range, setRange] = useAddress("range");
  const [live, setLive] = useAddress("live");
  const [now] = useState(() => Date.now());
  const deployments = useDeployments();
  const session = useSession().data;
  const filter = { deployment, result: result as Result | null, ...rangeOf(range ?? "24h", now) };
  return (
    <>
      <Head title={words.decisions.title}>
        <Views />
        <Find />
      </Head>
      <Panel>
        <div className="bar">
          <label>
            {words.decisions.deployment}
            <select value={deployment ?? ""} onChange={(event) => setDeployment(event.target.value)}>
              <option value="">{words.common.all}</option>
              {deployments.items.map((found) => (
                <option key={found.id}>{found.name}</option>
              ))}
            </select>
          </label>
          {live === null && (
            <>
              <label>
                {words.decisions.result}
                <select value={result ?? ""} onChange={(event) => setResult(event.target.value)}>
                  <option value="">{words.common.all}</option>
                  {RESULTS.map((found) => (
                    <option key={found} value={found}>
                      {words.result[found]}
                    </option>
                  ))}
                </select>
              </label>
              <RangePicker value={range ?? "24h"} change={setRange} now={now} />
            </>
          )}
          <label className="row">
            <input type="checkbox" checked={live !== null} onChange={(event) => setLive(event.target.checked ? "1" : null)} />
            {words.common.live}
          </label>
        </div>
        {live === null ? <Found filter={filter} /> : <Live deployment={deployment} />}
      </Panel>
      {may(session, "QueryDecisions") && <About />}
    </>
  );
}

function Find() {
  const words = useWords();
  const [, go] = useLocation();
  const [text, setText] = useState("");
  const [isWrong, setWrong] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const id = text.trim().toLowerCase();
    setWrong(!ID.test(id));
    if (ID.test(id)) go(`/decisions/${id}`);
  };
  return (
    <form className="bar" onSubmit={submit} role="search">
      <label>
        {words.decisions.find}
        <input className="mono" size={38} value={text} placeholder={words.decisions.findHint} aria-invalid={isWrong} onChange={(event) => setText(event.target.value)} />
        {isWrong && <span role="alert">{words.decisions.malformed}</span>}
      </label>
      <button type="submit">{words.common.show}</button>
    </form>
  );
}

function Found({ filter }: { filter: Parameters<typeof useDecisions>[0] }) {
  const words = useWords();
  const found = useDecisions(filter);
  const columns = useDecisionColumns();
  const { hasNextPage, isFetchingNextPage, fetchNextPage, data } = found;
  // A page may come back short with more to read on: what is rare is looked for a little further.
  const isShort = found.items.length < ENOUGH && (data?.pages.length ?? 0) < MAX_LOOKS;
  useEffect(() => {
    if (isShort && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [isShort, hasNextPage, isFetchingNextPage, fetchNextPage]);
  return (
    <>
      <div className="bar">
        <span className="soft" role="status">
          {words.decisions.shown(found.items.length)}
        </span>
        <button type="button" onClick={() => void found.refetch()}>
          {words.common.refresh}
        </button>
        <button type="button" disabled={found.items.length === 0} onClick={() => save("decisions.csv", "text/csv", csv(found.items, columns))}>
          {words.common.exportCsv}
        </button>
      </div>
      <List of={found} columns={columns} id={(row) => row.id} label={words.decisions.title} empty={words.decisions.empty} />
    </>
  );
}

/** Looks for a person; who it was stands in no address and is gone with the page. */
function About() {
  const words = useWords();
  const own = words.person;
  const about = useDecisionsAbout();
  const columns = useDecisionColumns();
  const [subject, setSubject] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    about.mutate(subject.trim());
  };
  const clear = () => {
    setSubject("");
    about.reset();
  };
  return (
    <Panel title={own.find}>
      <form className="bar" onSubmit={submit}>
        <label>
          {own.subject}
          <input required autoComplete="off" value={subject} onChange={(event) => setSubject(event.target.value)} />
        </label>
        <button type="submit" disabled={about.isPending}>
          {words.common.search}
        </button>
        <button type="button" onClick={clear}>
          {own.forget}
        </button>
      </form>
      <p className="soft small">{own.hint}</p>
      {about.error !== null && <Wrong error={about.error} />}
      {about.data && (about.data.items.length === 0 ? <Empty>{own.none}</Empty> : <Table of={about.data.items} columns={columns} id={(row) => row.id} label={own.found} />)}
    </Panel>
  );
}

function Live({ deployment }: { deployment: string | null }) {
  const words = useWords();
  const latest = useLatest(LIVE_ROWS, deployment ?? undefined);
  const columns = useDecisionColumns();
  return <Loaded of={latest}>{({ items }) => <Table of={items} columns={columns} id={(row) => row.id} label={words.decisions.title} />}</Loaded>;
}
