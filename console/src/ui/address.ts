// What a page shows is held by its address, so that it can be sent to somebody.
import { useSyncExternalStore } from "react";
import { useSearchParams } from "wouter";

/** A value of the address, and how to change it; `null` takes it out. */
export function useAddress(name: string): [string | null, (value: string | null) => void] {
  const [params, set] = useSearchParams();
  const change = (value: string | null) =>
    set(
      (before) => {
        const after = new URLSearchParams(before);
        if (value === null || value === "") after.delete(name);
        else after.set(name, value);
        return after;
      },
      { replace: true },
    );
  return [params.get(name), change];
}

/** Whatever can change the address: `wouter` tells of the first two. */
const MOVES = ["pushState", "replaceState", "popstate", "hashchange"];
const subscribe = (listener: () => void) => {
  for (const move of MOVES) addEventListener(move, listener);
  return () => {
    for (const move of MOVES) removeEventListener(move, listener);
  };
};

/** What stands behind `#` in the address, which no server is sent; and how to change it. */
export function useHash(): [string, (text: string) => void] {
  const hash = useSyncExternalStore(subscribe, () => location.hash.slice(1));
  return [hash, (text) => history.replaceState(history.state, "", `${location.pathname}${location.search}${text && `#${text}`}`)];
}

/** The text that stands behind `#`; none if it is damaged. */
export function textOf(hash: string): string {
  try {
    return decodeURIComponent(hash);
  } catch {
    return "";
  }
}
