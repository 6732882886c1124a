import { expect, test } from "vitest";
import { drawn } from "./RolloutEvidence";

const evidence = [
  { guardrail: "errors", wealth: 10, most: 100, goal: 100 },
  { guardrail: "mix", wealth: 0.1, most: 1, goal: 1000 },
];
const trail = [
  { seen: 1, step: 1, log10: [0, 0] },
  { seen: 2, step: 1, log10: [2, -1] },
];

test("all guardrails share one scale, on which the threshold is all of it", () => {
  const { times, lines } = drawn(trail, evidence, -1, "threshold");
  expect(times).toEqual([1, 2]);
  expect(lines.map(({ label, values }) => [label, Array.from(values)])).toEqual([
    ["errors", [0, 100]],
    ["mix", [0, 0]],
    ["threshold", [100, 100]],
  ]);
});

test("one guardrail is shown by its own logarithm and its own threshold", () => {
  const { lines } = drawn(trail, evidence, 1, "threshold");
  expect(lines.map(({ label, values }) => [label, Array.from(values)])).toEqual([
    ["mix", [0, -1]],
    ["threshold", [3, 3]],
  ]);
});
