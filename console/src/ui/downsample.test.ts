import { describe, expect, it } from "vitest";
import { kept, lowerBound } from "./downsample";

const xs = Float64Array.from({ length: 100_000 }, (_, n) => n);

describe("downsampling", () => {
  it("keeps every peak, however narrow, in every series", () => {
    const a = Array.from(xs, (x) => Math.sin(x / 500));
    const b = Array.from(xs, () => 1);
    for (const peak of [3, 777, 50_001, 99_998]) {
      a[peak] = 50;
      b[peak + 1] = -50;
    }
    const places = kept(xs, [a, b], 0, 99_999, 800);
    expect(places.length).toBeLessThan(800 * 6);
    for (const peak of [3, 777, 50_001, 99_998]) {
      expect(places).toContain(peak);
      expect(places).toContain(peak + 1);
    }
    expect(Math.max(...places.map((place) => a[place] as number))).toBe(50);
  });
  it("is in order, without doubles, and reaches a point beyond either side", () => {
    const places = kept(xs, [xs], 1_000, 90_000, 300);
    expect(places).toEqual([...new Set(places)].sort((one, other) => one - other));
    expect(places[0]).toBe(999);
    expect(places.at(-1)).toBe(90_000);
  });
  it("gives all of few points", () => {
    expect(kept(xs, [xs], 10, 20, 300)).toEqual([9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    expect(kept([], [], 0, 1, 300)).toEqual([]);
  });
  it("keeps a gap a gap", () => {
    const values: (number | null)[] = Array.from(xs, () => 2);
    values[40_000] = null;
    expect(kept(xs, [values], 0, 99_999, 500)).toContain(40_000);
  });
  it("finds places", () => {
    expect([0, 1.5, 3, 9].map((x) => lowerBound([1, 2, 3], x))).toEqual([0, 1, 2, 3]);
  });
});
