import { describe, expect, it } from "vitest";
import { axesOf, numberOf, timeOf } from "./QueryChart";

describe("what of a query's rows can be drawn", () => {
  const rows = [
    { hour: "2026-01-01T00:00:00", result: "answered", decisions: 3, big: "9007199254740993", note: null },
    { hour: "2026-01-01T01:00:00", result: null, decisions: 5, big: "2", note: null },
  ];
  it("is numbers, against anything", () => {
    const axes = axesOf(rows, ["hour", "result", "decisions", "big", "note"]);
    expect(axes.up).toEqual(["decisions", "big"]);
    expect(axes.across).toEqual(["hour", "result", "note", "decisions", "big"]);
    expect(axes.times).toEqual(["hour"]);
  });
  it("takes values for what they are", () => {
    expect([numberOf("1.5"), numberOf(""), numberOf("x"), numberOf(Number.NaN), numberOf(true)]).toEqual([1.5, null, null, null, null]);
    expect([timeOf("1970-01-01"), timeOf("1970-01-01 00:01:00"), timeOf("1970-01-01T00:00:02Z"), timeOf("19700101"), timeOf(7)]).toEqual([0, 60, 2, null, null]);
  });
});
