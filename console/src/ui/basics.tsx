// The few shapes that pages are made of.
import { type ReactNode, useRef, useState } from "react";
import { Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { ProblemError } from "../api/client";
import { useLanguage, useWords } from "../i18n";
import { useSetting } from "../settings";
import { shown } from "../time";

export type Tone = "good" | "warn" | "bad" | "idle";

export const Badge = ({ tone = "idle", children }: { tone?: Tone; children: ReactNode }) => (
  <span className={`badge ${tone}`}>{children}</span>
);

export const Panel = ({ title, children, aside }: { title?: ReactNode; children: ReactNode; aside?: ReactNode }) => (
  <section className="panel">
    {title !== undefined && (
      <div className="bar">
        <h2>{title}</h2>
        {aside}
      </div>
    )}
    {children}
  </section>
);

export const Head = ({ title, children }: { title: ReactNode; children?: ReactNode }) => (
  <div className="head">
    <h1>{title}</h1>
    <div className="bar">{children}</div>
  </div>
);

export const Empty = ({ children }: { children: ReactNode }) => <p className="empty">{children}</p>;

/** A time in the chosen zone; the exact one when pointed at. */
export function When({ at }: { at: string | null | undefined }) {
  const language = useLanguage();
  const [zone] = useSetting("zone");
  const { none } = useWords().common;
  if (!at) return <span className="soft">{none}</span>;
  return (
    <time dateTime={at} title={at}>
      {shown(at, zone, language)}
    </time>
  );
}

/** What went wrong, with what to do and the request's id for whoever is asked for help. */
export function Wrong({ error, retry }: { error: unknown; retry?: () => void }) {
  const words = useWords();
  const known = error instanceof ProblemError ? error : null;
  // What governance refuses says what is missing; what policy refuses is the roles' matter.
  const isRoles = known?.status === 403 && known.problem.code !== "ungoverned";
  const said = isRoles ? words.common.notAllowed : known?.status === 0 ? words.common.unreachable : known?.message;
  return (
    <div className="note bad" role="alert">
      <strong>{words.common.problem}</strong>
      <div>{said ?? String(error)}</div>
      {known?.problem.hint && <div>{known.problem.hint}</div>}
      {known?.problem.request_id && (
        <div className="small">
          {words.common.request} <code>{known.problem.request_id}</code>
        </div>
      )}
      {retry && (
        <button type="button" onClick={retry}>
          {words.common.retry}
        </button>
      )}
    </div>
  );
}

export const Skeleton = ({ lines = 4 }: { lines?: number }) => {
  const words = useWords();
  return (
    <div role="status" aria-label={words.common.loading}>
      {Array.from({ length: lines }, (_, n) => (
        <div key={n} className="skeleton" style={{ width: `${90 - ((n * 17) % 40)}%` }} />
      ))}
    </div>
  );
};

interface Asked<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}
/** What was asked for: while it comes, when it failed, and when it is there. */
export function Loaded<T>({ of, children }: { of: Asked<T>; children: (data: T) => ReactNode }) {
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.error !== null) return <Wrong error={of.error} retry={() => void of.refetch()} />;
  return <Skeleton />;
}

/** Names and values beside each other. */
export const Facts = ({ of }: { of: readonly (readonly [string, ReactNode])[] }) => (
  <dl>
    {of.map(([name, value]) => (
      <div key={name} style={{ display: "contents" }}>
        <dt>{name}</dt>
        <dd>{value ?? "–"}</dd>
      </div>
    ))}
  </dl>
);

/** The first digits of a digest; all of them when pointed at or copied. */
export function Short({ of, length = 12 }: { of: string | null | undefined; length?: number }) {
  const words = useWords();
  const [copied, setCopied] = useState(false);
  if (!of) return <span className="soft">–</span>;
  const copy = async () => {
    await navigator.clipboard?.writeText(of);
    setCopied(true);
  };
  return (
    <span>
      <code title={of}>{of.length > length + 3 ? `${of.slice(0, length)}…` : of}</code>{" "}
      <button type="button" className="plain small" onClick={() => void copy()} aria-label={`${words.common.copy} ${of}`}>
        {copied ? words.common.copied : words.common.copy}
      </button>
    </span>
  );
}

export interface Column<T> {
  name: string;
  /** What the cell shows. */
  cell: (row: T) => ReactNode;
  /** What a CSV holds; the column is left out of it if there is none. */
  text?: (row: T) => string;
  isNumber?: boolean;
}
/** A table that a keyboard, a narrow screen and a reader get along with, and that can be taken along as a CSV. */
export function Table<T>({ of, columns, id, label, isBare = false }: { of: readonly T[]; columns: readonly Column<T>[]; id: (row: T) => string; label: string; /** Whoever shows it saves it, too. */ isBare?: boolean }) {
  const words = useWords();
  const body = useRef<HTMLTableSectionElement>(null);
  const take = () => body.current && save(`${fileName(label)}.csv`, "text/csv", csv(of.map((row, place) => ({ row, cells: body.current?.rows[place]?.cells })), columns.filter(({ name, text }) => name !== "" || text).map((column) => ({ name: column.name, cell: () => null, text: ({ row, cells }) => column.text?.(row) ?? cells?.[columns.indexOf(column)]?.innerText.trim() ?? "" }))));
  return (
    <>
      {/* biome-ignore: a region that scrolls must be reachable by keyboard. */}
      <div className="scroll" role="region" aria-label={label} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.name} scope="col" className={column.isNumber ? "num" : undefined}>
                  {column.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody ref={body}>
            {of.map((row) => (
              <tr key={id(row)}>
                {columns.map((column) => (
                  <td key={column.name} className={column.isNumber ? "num" : undefined}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {!isBare && of.length > 0 && (
        <div className="taken">
          <button type="button" className="plain small" aria-label={words.files.table(label)} onClick={take}>
            CSV
          </button>
        </div>
      )}
    </>
  );
}

/** A title as the name of a file. */
export const fileName = (title: string) => title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 80) || "table";

interface Pages<T> extends Asked<unknown> {
  items: T[];
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}
/** A list of the API as a table that reads on. */
export function List<T>({ of, columns, id, label, empty }: { of: Pages<T>; columns: readonly Column<T>[]; id: (row: T) => string; label: string; empty: string }) {
  const words = useWords();
  return (
    <Loaded of={of}>
      {() =>
        of.items.length === 0 && !of.hasNextPage ? (
          <Empty>{empty}</Empty>
        ) : (
          <>
            {of.items.length === 0 ? <Empty>{words.common.notYet}</Empty> : <Table of={of.items} columns={columns} id={id} label={label} />}
            {of.hasNextPage && (
              <p>
                <button type="button" disabled={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>
                  {of.isFetchingNextPage ? words.common.loading : words.common.more}
                </button>
              </p>
            )}
          </>
        )
      }
    </Loaded>
  );
}

/** A question that stands before everything else. */
export function Ask({ title, isOpen, close, children }: { title: string; isOpen: boolean; close: () => void; children: ReactNode }) {
  return (
    <ModalOverlay className="overlay" isOpen={isOpen} onOpenChange={(open) => !open && close()} isDismissable>
      <Modal className="modal">
        <Dialog>
          <Heading slot="title">{title}</Heading>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/** Saves text as a file. */
export const save = (name: string, media: string, text: string): void => saveBlob(name, new Blob([text], { type: media }));

export function saveBlob(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Rows as CSV (RFC 4180). A cell that a spreadsheet would run as a formula is made text. */
export function csv<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cell = (text: string) => {
    const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const held = columns.filter((column) => column.text);
  const lines = [held.map((column) => column.name), ...rows.map((row) => held.map((column) => column.text?.(row) ?? ""))];
  return lines.map((line) => line.map(cell).join(",")).join("\r\n");
}
