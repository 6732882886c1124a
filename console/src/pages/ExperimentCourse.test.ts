import { describe, expect, it } from "vitest";
import { courseOf } from "./ExperimentCourse";

const point = (units: number, ...intervals: [string, number, number, number][]) => ({ at: "2026-01-01T00:00:00Z", units, intervals: intervals.map(([arm, difference, lower, upper]) => ({ arm, difference, lower, upper })) });

describe("the course of an interval", () => {
  const trail = [point(150), point(220, ["b", 0.1, -0.3, 0.5]), point(220, ["b", 0.2, -0.2, 0.6]), point(400, ["b", 0.2, 0.05, 0.35], ["c", 0, -0.2, 0.2])];
  it("is of one arm, and goes one way", () => {
    expect(courseOf(trail, "b")).toEqual({ units: [220, 400], difference: [0.1, 0.2], lower: [-0.3, 0.05], upper: [0.5, 0.35] });
    expect(courseOf(trail, "c").units).toEqual([400]);
    expect(courseOf([], "b").units).toEqual([]);
  });
});
