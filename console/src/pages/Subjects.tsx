// What is held about a person, and forgetting it.
import { type FormEvent, useState } from "react";
import { exportSubject, useErase, useErasures, useSession, useSubject } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Ask, Badge, Head, List, Panel, save, Short, When, Wrong } from "../ui/basics";

export default function Subjects() {
  const words = useWords();
  const session = useSession().data;
  const look = useSubject();
  const [subject, setSubject] = useState("");
  const [failed, setFailed] = useState<unknown>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    look.mutate(subject);
  };
  const give = () => {
    setFailed(null);
    exportSubject(subject).then((data) => save("subject.json", "application/json", JSON.stringify(data, null, 2)), setFailed);
  };
  return (
    <>
      <Head title={words.subjects.title} />
      <Panel>
        <form className="bar" onSubmit={submit}>
          <label>
            {words.subjects.subject}
            <input required value={subject} autoComplete="off" size={32} onChange={(event) => setSubject(event.target.value)} />
          </label>
          <button type="submit" className="primary">
            {words.subjects.look}
          </button>
        </form>
        <p className="small soft">{words.subjects.hint}</p>
        {look.error !== null && <Wrong error={look.error} />}
        {failed !== null && <Wrong error={failed} />}
        {look.data && (
          <div className="stack" role="status">
            <div className="note">{look.data.is_known ? words.subjects.known : words.subjects.unknown}</div>
            {look.data.hold && (
              <div className="note warn">
                {words.subjects.hold}: {look.data.hold.reason} · <When at={look.data.hold.placed_at} />
              </div>
            )}
            <div className="bar">
              {may(session, "ExportSubject") && (
                <button type="button" onClick={give}>
                  {words.subjects.exported}
                </button>
              )}
              {may(session, "EraseSubject") && look.data.is_known && <Erase subject={subject} done={() => look.mutate(subject)} />}
            </div>
          </div>
        )}
      </Panel>
      {may(session, "ReadSubject") && <Erasures />}
    </>
  );
}

function Erase({ subject, done }: { subject: string; done: () => void }) {
  const words = useWords();
  const erase = useErase();
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    erase.mutate(
      { subject, reason, rotate_now: false },
      {
        onSuccess: () => {
          setOpen(false);
          done();
        },
      },
    );
  };
  return (
    <>
      <button type="button" className="danger" onClick={() => setOpen(true)}>
        {words.subjects.erase}
      </button>
      <Ask title={words.subjects.erase} isOpen={isOpen} close={() => setOpen(false)}>
        <form onSubmit={submit}>
          <p>{words.subjects.eraseHint}</p>
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

function Erasures() {
  const words = useWords();
  const erasures = useErasures();
  return (
    <Panel title={words.subjects.erasures}>
      <List
        of={erasures}
        label={words.subjects.erasures}
        id={(erasure) => erasure.id}
        empty={words.subjects.empty}
        columns={[
          { name: words.subjects.asked, cell: (erasure) => <When at={erasure.asked_at} /> },
          { name: words.common.state, cell: (erasure) => <Badge tone={erasure.state === "final" ? "good" : "warn"}>{words.subjects[erasure.state]}</Badge> },
          { name: words.subjects.finalAt, cell: (erasure) => <When at={erasure.final_at ?? erasure.final_by} /> },
          { name: words.subjects.key, cell: (erasure) => <Short of={erasure.key} /> },
          { name: words.common.reason, cell: (erasure) => erasure.reason },
        ]}
      />
    </Panel>
  );
}
