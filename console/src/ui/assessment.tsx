// What facts lead to, shown alike where they are stated and where they are kept.
import type { Assessment } from "../api/releases";
import { useWords } from "../i18n";
import { Badge, Facts, Table } from "./basics";
import { TierBadge } from "./release";

export function Missing({ of }: { of: Assessment }) {
  const words = useWords().assess;
  return of.missing.length === 0 ? <span className="soft">{words.nothing}</span> : <span className="small">{of.missing.join(", ")}</span>;
}

/** The tier, the word, what is missing and unknown: before anything else. */
export function Outcome({ of }: { of: Assessment }) {
  const words = useWords().assess;
  return (
    <div className="stack" aria-live="polite">
      <div>
        <TierBadge of={of.tier} />
      </div>
      <div>
        <div className="soft">{words.word}</div>
        <div className="figure">{words.words[of.word]}</div>
      </div>
      {of.unknown.length > 0 && (
        <div className="note warn">
          <strong>{words.unknown}</strong>
          <div className="small">{words.unknownHint(of.unknown.length)}</div>
          <div className="small">
            <code>{of.unknown.join(", ")}</code>
          </div>
        </div>
      )}
      {of.findings.length > 0 && (
        <div className="note bad">
          <strong>{words.findings}</strong>: {of.findings.join(", ")}
        </div>
      )}
      <Facts
        of={[
          [words.missing, <Missing key="missing" of={of} />],
          [words.documents, of.documents.length > 0 ? of.documents.join(", ") : words.nothing],
          [words.demands, words.demandsOf(of.checks.length)],
        ]}
      />
    </div>
  );
}

/** The duties that apply, and the rules that gave them, each with its source. */
export function Grounds({ of, sources }: { of: Assessment; sources: ReadonlyMap<string, string> }) {
  const words = useWords().assess;
  return (
    <>
      <h3>{words.owes}</h3>
      <Table
        of={of.duties}
        label={words.owes}
        id={(owed) => owed.duty}
        columns={[
          { name: words.owes, cell: (owed) => owed.duty },
          { name: words.source, cell: (owed) => <span className="small">{sources.get(owed.duty) ?? ""}</span> },
          { name: "", cell: (owed) => <Badge tone={owed.stage === "enforce" ? "warn" : "idle"}>{owed.stage === "enforce" ? words.binds : words.prepare(owed.from ?? "")}</Badge> },
        ]}
      />
      <h3>{words.because}</h3>
      <Table
        of={of.rules}
        label={words.because}
        id={(fired) => fired.rule}
        columns={[
          { name: words.rule, cell: (fired) => fired.rule },
          { name: words.because, cell: (fired) => <span className="small">{fired.says}</span> },
          { name: words.source, cell: (fired) => <span className="small">{fired.source}</span> },
        ]}
      />
    </>
  );
}
