// What a person chose for this browser: nothing of it leaves it.
import { useSyncExternalStore } from "react";
import type { Zone } from "./time";

export interface Settings {
  theme: "auto" | "light" | "dark";
  language: "auto" | "en" | "de";
  zone: Zone;
  /** The log's key that receipts are verified with, once it was trusted. */
  logKey: string;
  /** Whether the first look round was taken or declined. */
  toured: boolean;
}

const STORED = "plimsoll.settings";
const FIRST: Settings = { theme: "auto", language: "auto", zone: "local", logKey: "", toured: false };
const listeners = new Set<() => void>();
let now: Settings = read();

function read(): Settings {
  try {
    return { ...FIRST, ...(JSON.parse(localStorage.getItem(STORED) ?? "{}") as Partial<Settings>) };
  } catch {
    return FIRST;
  }
}

function change(part: Partial<Settings>): void {
  now = { ...now, ...part };
  try {
    localStorage.setItem(STORED, JSON.stringify(now));
  } catch {
    // A browser that keeps nothing: the choice holds until the page is left.
  }
  for (const listener of listeners) listener();
}

export function useSetting<K extends keyof Settings>(key: K): [Settings[K], (value: Settings[K]) => void] {
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  const value = useSyncExternalStore(subscribe, () => now[key]);
  return [value, (next) => change({ [key]: next } as Partial<Settings>)];
}
