import { expect, test } from "vitest";
import { addedUp, pairs } from "./cells";

const WORDS = { below: "below", above: "above", others: "others" };

test("numbers are shown in tenths of the reference, and nothing is lost", () => {
  const edges = Array.from({ length: 61 }, (_, n) => n);
  const reference = { name: "x", edges, cells: [0, ...Array<number>(60).fill(10), 0], missing: 0 };
  const now = [7, ...Array<number>(59).fill(0), 90, 3];
  const told = pairs(reference, now, WORDS);
  expect(told.length).toBe(12);
  expect(told[0]).toEqual({ label: "below 0", now: 0.07, then: 0 });
  expect(told[1]?.label).toBe("0 … 6");
  expect(told.at(-2)?.now).toBeCloseTo(0.9);
  expect(told.at(-1)?.now).toBeCloseTo(0.03);
  for (const share of ["now", "then"] as const) expect(told.reduce((sum, pair) => sum + pair[share], 0)).toBeCloseTo(1);
});

test("few categories keep their order, many give way to the most frequent", () => {
  const few = { name: "home", categories: ["own", "rent"], cells: [30, 70, 0], missing: 0 };
  expect(pairs(few, [1, 1, 0], WORDS).map(({ label }) => label)).toEqual(["own", "rent"]);
  expect(pairs(few, [1, 1, 2], WORDS).at(-1)).toEqual({ label: "others", now: 0.5, then: 0 });
  const names = Array.from({ length: 40 }, (_, n) => `c${n}`);
  const many = { name: "x", categories: names, cells: [...names.map((_, n) => n), 0], missing: 0 };
  const told = pairs(many, [...names.map(() => 1), 0], WORDS);
  expect(told.length).toBe(13);
  expect(told[0]?.label).toBe("c39");
  expect(told.at(-1)?.now).toBeCloseTo(28 / 40);
});

test("windows are added up cell by cell", () => {
  expect(addedUp([[1, 2], [3, 4], []])).toEqual([4, 6]);
});
