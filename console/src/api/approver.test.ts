import { expect, test } from "vitest";
import { micros, statement } from "./approver";

test("times keep all their digits", () => {
  expect(micros("2026-11-22T10:00:00.123456Z")).toBe(Date.UTC(2026, 10, 22, 10) * 1000 + 123_456);
  expect(micros("2026-11-22T10:00:00.5Z")).toBe(Date.UTC(2026, 10, 22, 10) * 1000 + 500_000);
  expect(micros("2026-11-22T10:00:00Z")).toBe(Date.UTC(2026, 10, 22, 10) * 1000);
});

test("a statement is six lines", () => {
  const text = statement({ deployment: "credit", artifact: "aa", gate: "bb", by: "p", at_us: 7 });
  expect(text).toBe("plimsoll release approval v1\ncredit\naa\nbb\np\n7\n");
});
