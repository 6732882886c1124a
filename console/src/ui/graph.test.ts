import { expect, test } from "vitest";
import { laid } from "./Graph";

const node = (id: string) => ({ id, kind: "model", label: id });
const edge = (from: string, to: string) => ({ from, to, label: "made" });

test("what came of a thing stands to its right, and nothing lies over anything", () => {
  const nodes = ["data", "run", "model", "other", "deployment"].map(node);
  const { nodes: placed } = laid(nodes, [edge("data", "run"), edge("run", "model"), edge("run", "other"), edge("model", "deployment")]);
  const at = (id: string) => placed.find((one) => one.id === id) ?? { x: 0, y: 0 };
  expect(at("data").x).toBeLessThan(at("run").x);
  expect(at("run").x).toBeLessThan(at("model").x);
  expect(at("model").x).toBeLessThan(at("deployment").x);
  for (const one of placed) for (const other of placed) if (one.id < other.id) expect(Math.abs(one.x - other.x) >= 190 || Math.abs(one.y - other.y) >= 44).toBe(true);
});

test("two steps between the same things are both drawn, and a lone thing too", () => {
  const twice = laid([node("a"), node("b")], [edge("a", "b"), { ...edge("a", "b"), label: "read" }]);
  expect(twice.edges.map(({ points }) => points.length > 1)).toEqual([true, true]);
  expect(laid([node("a")], []).nodes.length).toBe(1);
});
