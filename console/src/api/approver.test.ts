import { expect, test } from "vitest";
import { attested, digestOf, micros, statement } from "./approver";

test("times keep all their digits", () => {
  expect(micros("2026-11-22T10:00:00.123456Z")).toBe(Date.UTC(2026, 10, 22, 10) * 1000 + 123_456);
  expect(micros("2026-11-22T10:00:00.5Z")).toBe(Date.UTC(2026, 10, 22, 10) * 1000 + 500_000);
  expect(micros("2026-11-22T10:00:00Z")).toBe(Date.UTC(2026, 10, 22, 10) * 1000);
});

test("a statement is six lines", () => {
  const text = statement({ deployment: "credit", artifact: "aa", gate: "bb", by: "p", at_us: 7 });
  expect(text).toBe("plimsoll release approval v1\ncredit\naa\nbb\np\n7\n");
});

test("an attestation's text is the server's, with what is said by its digest", async () => {
  const says_digest = await digestOf(new TextEncoder().encode("register of November"));
  expect(says_digest).toBe("7a6cff2c954e904469a6f5dc83022837355ea1d029514aab4695153c8a3660ed");
  const of = { deployment: "credit", demand: "RSK-01", says: "register of November", days: 90, says_digest: "dd", until_us: 9, by: "p", at_us: 7 };
  expect(attested(of)).toBe("plimsoll attestation v1\ncredit\nRSK-01\n-\ndd\n-\n-\n9\np\n7\n");
  const change = { ...of, version: { number: 3, artifact: "aa" }, evidence: "ee", significant: false };
  expect(attested(change)).toBe("plimsoll attestation v1\ncredit\nRSK-01\naa\ndd\nee\nnot significant\n9\np\n7\n");
});
