import { describe, expect, it } from "vitest";
import { added, joined, type LiveScores, type LiveSecond } from "./live";

const second = (time: string) => ({ time, traffic: [], refusals: [], phases: [] }) as LiveSecond;
const scores = (exponent: number, first: number, counts: number[]): LiveScores => ({ exponent, first, counts });

describe("seconds", () => {
  it("are joined, each once, and not too many", () => {
    const one = joined([], [second("2026-01-01T00:00:01Z"), second("2026-01-01T00:00:02Z")]);
    const again = joined(one, [second("2026-01-01T00:00:01Z"), second("2026-01-01T00:00:03Z")]);
    expect(again.map(({ time }) => time.slice(17, 19))).toEqual(["01", "02", "03"]);
    expect(joined(again, [second("2026-01-01T00:00:02Z")])).toBe(again);
    const many = Array.from({ length: 700 }, (_, n) => second(new Date(n * 1000).toISOString()));
    expect(joined([], many)).toHaveLength(600);
  });
});

describe("distributions", () => {
  it("of different widths are added without losing a number", () => {
    // [0, 1) in quarters and [0.5, 1.5) in halves.
    const sum = added([scores(-2, 0, [1, 2, 3, 4]), scores(-1, 1, [10, 20])]);
    expect(sum).toEqual(scores(-1, 0, [3, 17, 20]));
  });
  it("get as coarse as the cells that can be shown", () => {
    const sum = added([scores(-6, 0, new Array(64).fill(1)), scores(-6, -64, new Array(64).fill(1))], 16);
    expect(sum?.counts.length).toBeLessThanOrEqual(16);
    expect(sum?.counts.reduce((all, one) => all + one, 0)).toBe(128);
    expect(sum?.first).toBeLessThan(0);
  });
  it("of nothing are none", () => {
    expect(added([])).toBeNull();
    expect(added([scores(0, 0, [])])).toBeNull();
  });
});
