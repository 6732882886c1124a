import { expect, test } from "vitest";
import { ago, duration, rangeOf, shown } from "./time";

const NOW = Date.parse("2026-11-22T10:20:30.400Z");

test("a range is the last so long, to the minute, or from one time to another", () => {
  expect(rangeOf("1h", NOW)).toEqual({ since: "2026-11-22T09:20:00.000Z", until: null });
  expect(rangeOf("all", NOW)).toEqual({ since: null, until: null });
  expect(rangeOf(null, NOW)).toEqual({ since: null, until: null });
  expect(rangeOf("2026-01-01T00:00Z..2026-01-02T00:00Z", NOW)).toEqual({ since: "2026-01-01T00:00:00.000Z", until: "2026-01-02T00:00:00.000Z" });
  expect(rangeOf("nonsense..", NOW)).toEqual({ since: null, until: null });
});

test("times are shown in the zone that was chosen", () => {
  expect(shown("2026-11-22T10:20:30.4Z", "UTC", "en-GB")).toBe("22 Nov 2026, 10:20:30");
  expect(ago("2026-11-22T08:20:30Z", NOW, "en")).toBe("2 hours ago");
  expect(ago("2026-11-21T08:20:30Z", NOW, "de")).toBe("gestern");
});

test("durations have the unit that fits", () => {
  expect([12, 3400, 5_600_000, 7.8e9].map(duration)).toEqual(["12 ns", "3.4 µs", "5.60 ms", "7.80 s"]);
});
