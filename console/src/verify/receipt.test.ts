// The vectors are receipts of a real log (docs/format/vectors), which the other verifiers accept too.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Refused, verifyReceipt } from "./receipt";

const folder = new URL("../../../docs/format/vectors/", import.meta.url);
const vector = JSON.parse(readFileSync(new URL("receipt.json", folder), "utf8")) as Record<string, string>;
const key = readFileSync(new URL("receipt.vkey", folder), "utf8").trim();

/** The step that refuses `receipt`. */
function refusedBy(receipt: unknown, by = key): string {
  try {
    verifyReceipt(receipt, by);
  } catch (error) {
    if (error instanceof Refused) return error.step;
    throw error;
  }
  return "nothing";
}

const flipped = (text: string, at: number) => {
  const bytes = Buffer.from(text, "base64");
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.toString("base64");
};

test("a receipt of the log holds", () => {
  const held = verifyReceipt(vector, key);
  expect(held).toMatchObject({ hasBody: true, origin: key.split("+")[0] });
  expect(held.index).toBeLessThan(held.size);
});

test("every byte of the leaf and of the body counts", () => {
  const { leaf = "", sealed = "" } = vector;
  for (let at = 0; at < Buffer.from(leaf, "base64").length; at++) {
    expect(refusedBy({ ...vector, leaf: flipped(leaf, at) })).toBe("inclusion");
  }
  for (let at = 0; at < Buffer.from(sealed, "base64").length; at += 7) {
    expect(refusedBy({ ...vector, sealed: flipped(sealed, at) })).toBe("body");
  }
});

test("every character of the proof counts", () => {
  const proof = vector["proof"] ?? "";
  for (let at = 0; at < proof.length; at++) {
    const other = ["A", "0", "\n", " "].filter((char) => char !== proof[at])[at % 3];
    const changed = proof.slice(0, at) + other + proof.slice(at + 1);
    expect(refusedBy({ ...vector, proof: changed }), `character ${at} as ${JSON.stringify(other)}`).not.toBe("nothing");
  }
}, 60_000);

test("only the key of the log counts, in its one spelling", () => {
  const [name, id, data] = key.split("+") as [string, string, string];
  expect(refusedBy(vector, `other+${id}+${data}`)).toBe("checkpoint");
  expect(refusedBy(vector, `${name}+00000000+${data}`)).toBe("checkpoint");
  expect(refusedBy(vector, `${name}+${id}+${flipped(data, 5)}`)).toBe("checkpoint");
  expect(refusedBy(vector, "")).toBe("checkpoint");
});

test("what is not a receipt is refused without being read", () => {
  for (const other of [null, 7, "receipt", [], {}, { ...vector, format: "plimsoll-receipt 2" }, { ...vector, more: 1 }, { ...vector, leaf: 3 }]) {
    expect(refusedBy(other)).toBe("format");
  }
});
