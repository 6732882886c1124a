// Verifies a decision's receipt in the browser, with nothing of the server but the receipt:
// docs/format/receipt.md, C2SP tlog-proof, tlog-checkpoint and signed-note, RFC 9162 §2.1.3.2.
// Written from those texts; tools/verify.py and the command line are independent of it.
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

export type Step = "format" | "proof" | "checkpoint" | "inclusion" | "leaf" | "body";
export const STEPS: readonly Step[] = ["format", "proof", "checkpoint", "inclusion", "leaf", "body"];

/** Which step of the format's table found what wrong. */
export class Refused extends Error {
  constructor(
    readonly step: Step,
    why: string,
  ) {
    super(why);
  }
}

/** A receipt that holds. */
export interface Verified {
  index: number;
  size: number;
  origin: string;
  root: string;
  decision: string;
  /** Microseconds since 1970. */
  time: number;
  /** Whether the receipt carries the sealed body that the leaf commits to. */
  hasBody: boolean;
}

const HASH = 32;
const SIGNATURE = 64;
const MAX_PATH = 63;
const MAX_SIGNATURES = 100;
const DECISION = 1;

/** @throws Refused at the first step that is wrong. */
export function verifyReceipt(receipt: unknown, key: string): Verified {
  const { proof, leaf: entry, sealed } = parts(receipt);
  const { index, path, note } = readProof(proof);
  const checkpoint = readCheckpoint(note, readKey(key));
  const root = rootOf(index, checkpoint.size, leafHash(entry), path);
  if (root === null || !same(root, checkpoint.root)) {
    throw new Refused("inclusion", `the entry is not at index ${index} of the tree`);
  }
  const leaf = readLeaf(entry, index);
  if (sealed !== null && !same(sha256(sealed), leaf.ciphertext ?? new Uint8Array())) {
    throw new Refused("body", "the sealed body is not the one that the leaf commits to");
  }
  return {
    index,
    size: checkpoint.size,
    origin: checkpoint.origin,
    root: bytesToHex(checkpoint.root),
    decision: uuid(leaf.id),
    time: leaf.time,
    hasBody: sealed !== null,
  };
}

interface Parts {
  proof: string;
  leaf: Uint8Array;
  sealed: Uint8Array | null;
}

function parts(receipt: unknown): Parts {
  const members = ["format", "leaf", "proof", "record_key", "sealed"];
  if (typeof receipt !== "object" || receipt === null) throw new Refused("format", "not an object");
  // The API leaves members out that are null; a file has them all.
  const found = { sealed: null, record_key: null, ...receipt } as Record<string, unknown>;
  if (Object.keys(found).sort().join() !== members.join()) {
    throw new Refused("format", "the receipt lacks a member, or has one that receipts do not have");
  }
  if (found["format"] !== "plimsoll-receipt 1") throw new Refused("format", "not a plimsoll-receipt 1");
  const { proof, leaf, sealed, record_key } = found;
  if (typeof proof !== "string" || typeof leaf !== "string") throw new Refused("format", "not a text");
  if (record_key !== null && (typeof record_key !== "string" || base64(record_key, "format").length !== 32)) {
    throw new Refused("format", "the record key is not 32 bytes");
  }
  if (sealed !== null && typeof sealed !== "string") throw new Refused("format", "not a text");
  if (record_key !== null && sealed === null) throw new Refused("body", "a record key without a body");
  return { proof, leaf: base64(leaf, "format"), sealed: sealed === null ? null : base64(sealed, "format") };
}

/** Base64 in its one spelling (RFC 4648 §4). */
function base64(text: string, step: Step): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw new Refused(step, "not base64");
  }
  if (btoa(binary) !== text) throw new Refused(step, "base64 in another than its one spelling");
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

function decimal(text: string, step: Step): number {
  if (!/^(0|[1-9][0-9]*)$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new Refused(step, "not a decimal in its one spelling");
  }
  return Number(text);
}

/** c2sp.org/tlog-proof@v1 */
function readProof(text: string): { index: number; path: Uint8Array[]; note: string } {
  const split = text.indexOf("\n\n");
  const lines = text.slice(0, Math.max(split, 0)).split("\n");
  if (split < 0 || lines.shift() !== "c2sp.org/tlog-proof@v1") throw new Refused("proof", "not a tlog-proof");
  if (lines[0]?.startsWith("extra ")) base64(lines.shift()?.slice(6) ?? "", "proof");
  const index = lines.shift();
  if (index === undefined || !index.startsWith("index ")) throw new Refused("proof", "the proof has no index");
  const path = lines.map((line) => base64(line, "proof"));
  if (path.length > MAX_PATH || path.some((hash) => hash.length !== HASH)) {
    throw new Refused("proof", "the path is not one of hashes");
  }
  return { index: decimal(index.slice(6), "proof"), path, note: text.slice(split + 2) };
}

interface Key {
  name: string;
  id: Uint8Array;
  public: Uint8Array;
}

/** A verifier key (c2sp.org/signed-note): `<name>+<key id>+<base64 of type and key>`. */
function readKey(text: string): Key {
  const [name, id, ...rest] = text.trim().split("+");
  if (name === undefined || name === "" || id === undefined) throw new Refused("checkpoint", "not a key");
  const data = base64(rest.join("+"), "checkpoint");
  if (data.length !== 33 || data[0] !== 1) throw new Refused("checkpoint", "not an Ed25519 key of a log");
  const real = sha256(concatBytes(utf8ToBytes(`${name}\n`), data)).slice(0, 4);
  if (bytesToHex(real) !== id) throw new Refused("checkpoint", "the key's id is not the one of the key");
  return { name, id: real, public: data.slice(1) };
}

/** c2sp.org/tlog-checkpoint, signed by `key`. One bad signature of it refuses the note. */
function readCheckpoint(note: string, key: Key): { origin: string; size: number; root: Uint8Array } {
  const step = "checkpoint";
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) throw new Refused(step, "the note has no signatures");
  const text = note.slice(0, split + 1);
  const signatures = note.slice(split + 2).split("\n").slice(0, -1);
  if (signatures.length > MAX_SIGNATURES) throw new Refused(step, "the note has too many signatures");
  let signed = false;
  for (const line of signatures) {
    const [dash, name, data, ...more] = line.split(" ");
    if (dash !== "—" || name === undefined || data === undefined || more.length > 0) {
      throw new Refused(step, "a line of the note is not a signature");
    }
    const bytes = base64(data, step);
    if (name !== key.name || !same(bytes.slice(0, 4), key.id)) continue;
    const signature = bytes.slice(4);
    if (signature.length !== SIGNATURE || !ed25519.verify(signature, utf8ToBytes(text), key.public, { zip215: false })) {
      throw new Refused(step, `the signature of \`${name}\` is wrong`);
    }
    signed = true;
  }
  const [origin, size, root, ...extension] = text.split("\n").slice(0, -1);
  if (origin === undefined || size === undefined || root === undefined || extension.includes("")) {
    throw new Refused(step, "the checkpoint has not three lines");
  }
  if (!signed || origin !== key.name) throw new Refused(step, "the checkpoint is not signed by the log");
  const hash = base64(root, step);
  if (hash.length !== HASH) throw new Refused(step, "the root is no hash");
  return { origin, size: decimal(size, step), root: hash };
}

function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(0), entry));
}

/** RFC 9162 §2.1.3.2: the root that the path leads to, or null. Indexes stay below 2^53. */
export function rootOf(index: number, size: number, leaf: Uint8Array, path: readonly Uint8Array[]): Uint8Array | null {
  if (index >= size) return null;
  let [at, last, root] = [index, size - 1, leaf];
  const half = (n: number) => Math.floor(n / 2);
  for (const hash of path) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      root = sha256(concatBytes(Uint8Array.of(1), hash, root));
      while (at % 2 === 0 && at > 0) [at, last] = [half(at), half(last)];
    } else {
      root = sha256(concatBytes(Uint8Array.of(1), root, hash));
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 ? root : null;
}

interface Leaf {
  id: Uint8Array;
  time: number;
  ciphertext: Uint8Array | null;
}

/** The members of a leaf that a receipt is about (docs/format/record.cddl). */
function readLeaf(entry: Uint8Array, index: number): Leaf {
  const members = readMap(entry);
  const [kind, id, seq, time] = [members.get(1), members.get(2), members.get(5), members.get(7)];
  if (kind !== DECISION) throw new Refused("leaf", "the leaf is not a decision's");
  if (seq !== index) throw new Refused("leaf", "the leaf has another sequence number than its index");
  if (!(id instanceof Uint8Array) || id.length !== 16 || typeof time !== "number") {
    throw new Refused("leaf", "the leaf lacks a member");
  }
  const ciphertext = members.get(17);
  return { id, time, ciphertext: ciphertext instanceof Uint8Array ? ciphertext : null };
}

/** A map of unsigned numbers to unsigned numbers and byte strings, in deterministic CBOR (RFC 8949 §4.2.1). */
function readMap(data: Uint8Array): Map<number, number | Uint8Array> {
  const wrong = (why: string) => new Refused("leaf", why);
  let at = 0;
  const head = (): [major: number, value: number] => {
    const first = data[at++];
    if (first === undefined) throw wrong("the leaf breaks off");
    const short = first & 31;
    if (short < 24) return [first >> 5, short];
    if (short > 27) throw wrong("the leaf is not canonical");
    const length = 1 << (short - 24);
    let value = 0;
    for (let n = 0; n < length; n++) {
      const byte = data[at++];
      if (byte === undefined) throw wrong("the leaf breaks off");
      value = value * 256 + byte;
    }
    const least = length === 1 ? 24 : 2 ** (length * 4);
    if (value < least || !Number.isSafeInteger(value)) throw wrong("the leaf is not canonical");
    return [first >> 5, value];
  };
  const [major, count] = head();
  if (major !== 5) throw wrong("the leaf is not a map");
  const members = new Map<number, number | Uint8Array>();
  let before = -1;
  for (let n = 0; n < count; n++) {
    const [keyMajor, key] = head();
    if (keyMajor !== 0 || key <= before) throw wrong("the leaf is not canonical");
    before = key;
    const [valueMajor, value] = head();
    if (valueMajor === 0) {
      members.set(key, value);
    } else if (valueMajor === 2 && at + value <= data.length) {
      members.set(key, data.slice(at, at + value));
      at += value;
    } else {
      throw wrong("a member of the leaf is not what it should be");
    }
  }
  if (at !== data.length) throw wrong("something follows the leaf");
  return members;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, n) => byte === b[n]);
}

function uuid(id: Uint8Array): string {
  const hex = bytesToHex(id);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
