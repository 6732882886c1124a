// The key that a person's approvals are signed with: made by this browser, which never gives it away (it cannot be
// exported), and kept in its IndexedDB. The server knows the public half alone.
import { client, got, type Schemas } from "./client";

const DATABASE = "plimsoll-approvals";
const STORE = "keys";
/** How long a challenge counts, in microseconds: the server's five minutes. */
const CHALLENGE_US = 300_000_000;

interface Held {
  public_key: string;
  key: CryptoKey;
}

const hex = (bytes: ArrayBuffer) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Runs one request on the store. */
async function stored<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const done = <V>(request: IDBRequest<V>) =>
    new Promise<V>((give, fail) => {
      request.onsuccess = () => give(request.result);
      request.onerror = () => fail(request.error ?? new Error("the browser's database failed"));
    });
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "public_key" });
  const database = await done(opening);
  try {
    return await done(ask(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

/** Whether this browser can hold a key here: it knows Ed25519, and the page came over TLS or from this machine. */
export async function canSign(): Promise<boolean> {
  if (!globalThis.isSecureContext || crypto.subtle === undefined || typeof indexedDB === "undefined") return false;
  try {
    await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    return true;
  } catch {
    return false;
  }
}

/** Makes a key, registers its public half, and keeps it. */
export async function makeKey(): Promise<Schemas["ApprovalKey"]> {
  const pair = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  const public_key = hex(await crypto.subtle.exportKey("raw", pair.publicKey));
  const held: Held = { public_key, key: pair.privateKey };
  // Kept first: a key that is registered and lost would have to be ended by hand.
  await stored("readwrite", (store) => store.put(held));
  try {
    return await got(client.POST("/api/v1/approval-keys", { body: { public_key } }));
  } catch (error) {
    await stored("readwrite", (store) => store.delete(public_key));
    throw error;
  }
}

/** Ends a registered key; what it approved counts no more. */
export async function endKey(key: Schemas["ApprovalKey"]): Promise<void> {
  await got(client.DELETE("/api/v1/approval-keys/{id}", { params: { path: { id: key.id } } }));
  await stored("readwrite", (store) => store.delete(key.public_key));
}

/** The registered keys that this browser holds. */
export async function heldOf(registered: readonly Schemas["ApprovalKey"][]): Promise<string[]> {
  const here = await stored("readonly", (store) => store.getAllKeys());
  return registered.map(({ public_key }) => public_key).filter((key) => here.includes(key));
}

/** Microseconds since 1970 of a time of the server, all its digits kept. */
export function micros(time: string): number {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  const whole = Date.parse(time.replace(/\.\d+/, ""));
  return whole * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

/** What an approval is a signature over: see docs/releases.md, "Approvals". */
export const statement = (of: { deployment: string; artifact: string; gate: string; by: string; at_us: number }): string =>
  `plimsoll release approval v1\n${of.deployment}\n${of.artifact}\n${of.gate}\n${of.by}\n${of.at_us}\n`;

/** Proves to the server who signs, and gives what else they sign by: their id, the moment, and the key. */
async function challenged(public_key: string) {
  const held = (await stored("readonly", (store) => store.get(public_key))) as Held | undefined;
  if (held === undefined) throw new Error("this browser holds no such key");
  const challenge = await got(client.POST("/api/v1/approval-challenges"));
  const signed = async (text: string) => hex(await crypto.subtle.sign("Ed25519", held.key, new TextEncoder().encode(text)));
  return {
    challenge: challenge.id,
    challenge_signature: await signed(challenge.text),
    by: challenge.text.trimEnd().split("\n").at(-1) ?? "",
    // The moment of the challenge by the server's clock: this browser's may be wrong.
    at_us: micros(challenge.expires_at) - CHALLENGE_US,
    signed,
  };
}

/** Approves what `standing` showed: proves who approves with a challenge, and signs the digests that were looked at. */
export async function approve(standing: Schemas["ReleaseStanding"], public_key: string): Promise<Schemas["ReleaseStanding"]> {
  const { deployment, version, artifact, gate } = standing;
  if (!gate) throw new Error("there is no gate result");
  const { by, at_us, signed, challenge, challenge_signature } = await challenged(public_key);
  return got(
    client.POST("/api/v1/deployments/{name}/approvals", {
      params: { path: { name: deployment } },
      body: { version, artifact, gate, at_us, challenge, challenge_signature, signature: await signed(statement({ deployment, artifact, gate, by, at_us })) },
    }),
  );
}

/** What a person states of a deployment. */
export interface Stated {
  deployment: string;
  demand: string;
  /** The version it is about, if it is about one: its number, and its artifact as the page showed it. */
  version?: { number: number; artifact: string };
  says: string;
  /** The SHA-256 of the document that it rests on. */
  evidence?: string;
  significant?: boolean;
  days: number;
}

/** SHA-256 in hexadecimal digits. */
export const digestOf = async (bytes: BufferSource) => hex(await crypto.subtle.digest("SHA-256", bytes));

/** What an attestation is a signature over: see `Attested::message` in crates/plimsoll-release/src/attestation.rs. */
export const attested = (of: Stated & { says_digest: string; until_us: number; by: string; at_us: number }): string => {
  const significant = of.significant === undefined ? "-" : of.significant ? "significant" : "not significant";
  return `plimsoll attestation v1\n${[of.deployment, of.demand, of.version?.artifact ?? "-", of.says_digest, of.evidence ?? "-", significant, of.until_us, of.by, of.at_us].join("\n")}\n`;
};

const DAY_MS = 86_400_000;

/** States it: proves who does with a challenge, and signs what is stated. */
export async function attest(of: Stated, public_key: string): Promise<Schemas["Attestation"]> {
  const { by, at_us, signed, challenge, challenge_signature } = await challenged(public_key);
  const until_ms = Math.floor(at_us / 1000) + of.days * DAY_MS;
  const says_digest = await digestOf(new TextEncoder().encode(of.says));
  const message = attested({ ...of, says_digest, until_us: until_ms * 1000, by, at_us });
  return got(
    client.POST("/api/v1/deployments/{name}/attestations", {
      params: { path: { name: of.deployment } },
      body: {
        demand: of.demand,
        says: of.says,
        until: new Date(until_ms).toISOString(),
        at_us,
        signature: await signed(message),
        challenge,
        challenge_signature,
        ...(of.version ? { version: of.version.number } : {}),
        ...(of.evidence ? { evidence: of.evidence } : {}),
        ...(of.significant === undefined ? {} : { significant: of.significant }),
      },
    }),
  );
}
