// Times: shown in the zone that was chosen, asked for as a range that the address holds.

export type Zone = "local" | "UTC";

/** A range of time as the address holds it: the last so many minutes, or from one to another. */
export interface Range {
  since: string | null;
  until: string | null;
}

export const LAST: readonly { key: string; minutes: number | null }[] = [
  { key: "15m", minutes: 15 },
  { key: "1h", minutes: 60 },
  { key: "24h", minutes: 24 * 60 },
  { key: "7d", minutes: 7 * 24 * 60 },
  { key: "30d", minutes: 30 * 24 * 60 },
  { key: "all", minutes: null },
];

/** The range that a key of {@link LAST} means now, or `from..to`. */
export function rangeOf(key: string | null, now: number): Range {
  const custom = key?.split("..");
  if (custom?.length === 2) {
    const [from, to] = custom.map((text) => (Number.isNaN(Date.parse(text)) ? null : new Date(text).toISOString()));
    return { since: from ?? null, until: to ?? null };
  }
  const minutes = LAST.find((last) => last.key === key)?.minutes ?? null;
  // To the minute, so that what was asked a moment ago is not asked again.
  const since = minutes === null ? null : new Date(Math.floor(now / 60_000) * 60_000 - minutes * 60_000);
  return { since: since?.toISOString() ?? null, until: null };
}

/** A time for people, to the millisecond or second, in `zone`. */
export function shown(time: string, zone: Zone, language: string, precise = false): string {
  const format: Intl.DateTimeFormatOptions = {
    year: "numeric",
    month: "short",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
    ...(zone === "UTC" ? { timeZone: "UTC" } : {}),
    ...(precise ? { fractionalSecondDigits: 3, timeZoneName: "short" } : {}),
  };
  return new Intl.DateTimeFormat(language, format).format(new Date(time));
}

/** How long ago `time` was, in words. */
export function ago(time: string, now: number, language: string): string {
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ];
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

/** Nanoseconds for people. */
export function duration(nanos: number): string {
  if (nanos < 1e3) return `${nanos} ns`;
  if (nanos < 1e6) return `${(nanos / 1e3).toFixed(1)} µs`;
  if (nanos < 1e9) return `${(nanos / 1e6).toFixed(2)} ms`;
  return `${(nanos / 1e9).toFixed(2)} s`;
}
