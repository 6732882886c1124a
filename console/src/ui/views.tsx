// Views of a page under names: what its address holds. They are kept in this browser, apart for each person who
// signs in; the server knows nothing of them.
import { type FormEvent, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { useSession } from "../api/queries";
import { useWords } from "../i18n";
import { Ask } from "./basics";
import { useHash } from "./address";

export interface View {
  name: string;
  /** What follows the path in the address. */
  rest: string;
}

const STORED = "plimsoll.views";
/** As many as a list can show without being searched. */
export const MAX_VIEWS = 50;
const MAX_NAME = 60;

/** Views by person and path. */
type Kept = Record<string, Record<string, View[]>>;

const isView = (view: unknown): view is View => typeof (view as View)?.name === "string" && typeof (view as View).rest === "string" && /^([?#]|$)/.test((view as View).rest);

/** What was kept; what another program wrote there is no view. */
export function viewsOf(stored: string | null, who: string, path: string): View[] {
  try {
    const views = (JSON.parse(stored ?? "{}") as Kept)[who]?.[path];
    return Array.isArray(views) ? views.filter(isView).slice(0, MAX_VIEWS) : [];
  } catch {
    return [];
  }
}

/** The store with other views of one page; a view of the same name is replaced. */
export function storedWith(stored: string | null, who: string, path: string, views: readonly View[]): string {
  let kept: Kept = {};
  try {
    kept = JSON.parse(stored ?? "{}") as Kept;
  } catch {
    // What cannot be read is written anew.
  }
  return JSON.stringify({ ...kept, [who]: { ...kept[who], [path]: views } });
}

const stored = () => {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
};

/** The views of the page that is shown: to be chosen, kept and forgotten. */
export function Views() {
  const words = useWords();
  const own = words.views;
  const who = useSession().data?.name ?? "";
  const [path, go] = useLocation();
  const search = useSearch();
  const [hash] = useHash();
  const [, again] = useState(0);
  const [asked, ask] = useState<"save" | "remove" | null>(null);
  const [name, setName] = useState("");
  const views = viewsOf(stored(), who, path);
  const rest = `${search && `?${search}`}${hash && `#${hash}`}`;
  const keep = (all: readonly View[]) => {
    try {
      localStorage.setItem(STORED, storedWith(stored(), who, path, all));
    } catch {
      // A browser that keeps nothing keeps no views either.
    }
    again((n) => n + 1);
    ask(null);
    setName("");
  };
  const save = (event: FormEvent) => {
    event.preventDefault();
    keep([...views.filter((view) => view.name !== name.trim()), { name: name.trim(), rest }]);
  };
  const close = () => ask(null);
  return (
    <div className="views">
      {views.length > 0 && (
        <>
          <select
            aria-label={own.choose}
            value={views.find((view) => view.rest === rest)?.name ?? ""}
            onChange={(event) => {
              const chosen = views.find((view) => view.name === event.target.value);
              if (chosen) go(`${path}${chosen.rest}`);
            }}
          >
            <option value="" disabled>
              {own.title}
            </option>
            {views.map((view) => (
              <option key={view.name}>{view.name}</option>
            ))}
          </select>
          <button type="button" onClick={() => ask("remove")}>
            {own.remove}
          </button>
        </>
      )}
      <button type="button" onClick={() => ask("save")}>
        {own.save}
      </button>
      <Ask title={own.save} isOpen={asked === "save"} close={close}>
        <form onSubmit={save}>
          <p>{own.hint}</p>
          {views.length >= MAX_VIEWS && <p className="note warn">{own.full}</p>}
          <label>
            {own.name}
            <input required value={name} maxLength={MAX_NAME} pattern=".*\S.*" onChange={(event) => setName(event.target.value)} />
          </label>
          <div className="actions">
            <button type="button" onClick={close}>
              {words.common.cancel}
            </button>
            <button type="submit" className="primary" disabled={views.length >= MAX_VIEWS}>
              {own.save}
            </button>
          </div>
        </form>
      </Ask>
      <Ask title={own.remove} isOpen={asked === "remove"} close={close}>
        <p>{own.removeAsk}</p>
        <div className="bar">
          {views.map((view) => (
            <button key={view.name} type="button" onClick={() => keep(views.filter((one) => one.name !== view.name))}>
              {view.name}
            </button>
          ))}
        </div>
        <div className="actions">
          <button type="button" onClick={close}>
            {words.common.cancel}
          </button>
        </div>
      </Ask>
    </div>
  );
}
