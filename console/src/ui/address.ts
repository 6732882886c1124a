// What a page shows is held by its address, so that it can be sent to somebody.
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
