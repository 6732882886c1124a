// A distribution beside its reference, in so few cells that a person can read them.
import type { Schemas } from "../api/client";

export interface Pair {
  label: string;
  /** Shares of all values, 0 to 1. */
  now: number;
  then: number;
}

interface Words {
  below: string;
  above: string;
  others: string;
}

/** Categories that are drawn; the rest are one. */
const CATEGORIES = 12;
/** The share of the reference that one cell of numbers holds at least. */
const TENTH = 0.1;

const number = (value: number) => Number(value.toPrecision(4)).toLocaleString();

/** Cell by cell: of numbers tenths of the reference between its edges, with what is outside apart. */
export function pairs(reference: Schemas["ReferenceCells"], counts: readonly number[], words: Words): Pair[] {
  const all = (of: readonly number[]) => Math.max(of.reduce((sum, count) => sum + count, 0), 1);
  const [nowAll, thenAll] = [all(counts), all(reference.cells)];
  const now = (place: number) => (counts[place] ?? 0) / nowAll;
  const then = (place: number) => (reference.cells[place] ?? 0) / thenAll;
  const { edges = [], categories = [] } = reference;
  if (edges.length === 0) {
    const held = categories.map((label, place) => ({ label, now: now(place), then: then(place) }));
    const last = { label: words.others, now: now(categories.length), then: then(categories.length) };
    if (held.length <= CATEGORIES) return last.now + last.then > 0 ? [...held, last] : held;
    const sorted = [...held].sort((one, other) => other.then - one.then);
    const rest = sorted.slice(CATEGORIES);
    const sum = (pick: (pair: Pair) => number) => rest.reduce((sum, pair) => sum + pick(pair), 0);
    return [...sorted.slice(0, CATEGORIES), { label: words.others, now: last.now + sum((pair) => pair.now), then: last.then + sum((pair) => pair.then) }];
  }
  const inner: Pair[] = [];
  let [from, held] = [0, { now: 0, then: 0 }];
  for (let cell = 1; cell < edges.length; cell++) {
    held = { now: held.now + now(cell), then: held.then + then(cell) };
    const isLast = cell === edges.length - 1;
    if (held.then >= TENTH - 1e-9 || isLast) {
      inner.push({ label: `${number(edges[from] ?? 0)} … ${number(edges[cell] ?? 0)}`, ...held });
      [from, held] = [cell, { now: 0, then: 0 }];
    }
  }
  const outer = edges.length;
  return [
    { label: `${words.below} ${number(edges[0] ?? 0)}`, now: now(0), then: then(0) },
    ...inner,
    { label: `${words.above} ${number(edges.at(-1) ?? 0)}`, now: now(outer), then: then(outer) },
  ];
}

/** Counts of the same cells, added up. */
export function addedUp(all: readonly (readonly number[])[]): number[] {
  const sum: number[] = [];
  for (const counts of all) counts.forEach((count, place) => (sum[place] = (sum[place] ?? 0) + count));
  return sum;
}
