// The keys that the console knows, and the keys that go to pages.
import { useEffect, useState } from "react";
import { useLocation } from "wouter";
import { useWords } from "../i18n";
import { Ask, Table } from "../ui/basics";

/** After `g`. */
const PLACES: Record<string, string> = { o: "/", d: "/decisions", p: "/deployments", r: "/reviews", e: "/releases", x: "/experiments", c: "/compliance", f: "/findings", i: "/lineage", l: "/ledger", q: "/query" };
/** How long the second key may take, in milliseconds. */
const PATIENCE = 1200;

const isWriting = (target: EventTarget | null) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));

export function Help() {
  const words = useWords().help;
  const [, go] = useLocation();
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    let asked = 0;
    const listen = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
      if (event.key === "?") return setOpen((open) => !open);
      const place = PLACES[event.key];
      if (event.key === "g") asked = event.timeStamp;
      else if (place !== undefined && event.timeStamp - asked < PATIENCE) {
        asked = 0;
        go(place);
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [go]);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)} aria-label={words.open} aria-keyshortcuts="?">
        <kbd>?</kbd>
      </button>
      <Ask title={words.title} isOpen={isOpen} close={() => setOpen(false)}>
        <Table
          isBare
          label={words.title}
          of={words.rows}
          id={([keys]) => keys ?? ""}
          columns={[
            { name: words.title, cell: ([keys]) => <kbd>{keys}</kbd> },
            { name: "", cell: ([, says]) => says },
          ]}
        />
      </Ask>
    </>
  );
}
