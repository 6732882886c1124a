// Five steps through the console on the first start of a server for trying things.
import { useState } from "react";
import { useLocation } from "wouter";
import { useWords } from "../i18n";
import { useSetting } from "../settings";

export function Tour() {
  const words = useWords().tour;
  const [seen, setSeen] = useSetting("toured");
  const [, go] = useLocation();
  const [at, setAt] = useState(0);
  if (seen) return null;
  const step = (to: number) => {
    const path = words.steps[to]?.[1];
    if (path === undefined) return setSeen(true);
    setAt(to);
    go(path);
  };
  const isLast = at === words.steps.length - 1;
  return (
    <aside className="panel tour" aria-label={words.title(at + 1, words.steps.length)}>
      <h2>{words.title(at + 1, words.steps.length)}</h2>
      <p aria-live="polite">{words.steps[at]?.[0]}</p>
      <div className="actions">
        {!isLast && (
          <button type="button" onClick={() => setSeen(true)}>
            {words.skip}
          </button>
        )}
        {at > 0 && (
          <button type="button" onClick={() => step(at - 1)}>
            {words.back}
          </button>
        )}
        <button type="button" className="primary" onClick={() => step(at + 1)}>
          {isLast ? words.done : words.next}
        </button>
      </div>
    </aside>
  );
}
