// A deployment that is governed, for what people do about releases: two versions of a fraud model, of which the
// second flags too many payments; facts of tier T1; a gate that both pass; people with keys of their own.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { api, CONSOLE, DATA, key } from "./harness.mjs";

const run = promisify(execFile);
export const NAME = "fraud";

/** Flags payments from an amount on: one tree with one split. */
export const flagsFrom = (amount) => `{"version":[3,0,0],"learner":{"attributes":{},"feature_names":["amount","hour"],"feature_types":["float","float"],
"learner_model_param":{"base_score":"0E0","boost_from_average":"1","num_class":"0","num_feature":"2","num_target":"1"},
"objective":{"name":"reg:squarederror","reg_loss_param":{"scale_pos_weight":"1"}},
"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"1","num_parallel_tree":"1"},"tree_info":[0],
"iteration_indptr":[0,1],"trees":[{"id":0,"tree_param":{"num_nodes":"3","num_feature":"2","num_deleted":"0","size_leaf_vector":"1"},
"left_children":[1,-1,-1],"right_children":[2,-1,-1],"parents":[2147483647,0,0],"split_indices":[0,0,0],
"split_conditions":[${amount.toExponential().toUpperCase()},2E-2,9.8E-1],"default_left":[1,0,0],"split_type":[0,0,0],"sum_hessian":[2E0,1E0,1E0],
"base_weights":[0E0,0E0,0E0],"loss_changes":[0E0,0E0,0E0],"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[]}]}}}}`;

const CONTRACT = {
  version: 1,
  features: [
    { name: "amount", kind: "number", min: 0, max: 1 },
    { name: "hour", kind: "number", min: 0, max: 24 },
  ],
  context: [{ name: "customer", kind: "string", max_length: 32, class: "personal" }],
  map: { subjects: [{ field: "customer" }] },
};

/** Little is at stake, and people look at every answer: tier T1. */
export const FACTS = {
  setting: "production", customer_traffic_seen: false, live_outcome: true, areas: ["workflow"], interactions: { part: 3, whole: 1000 },
  harms: [], buyers: [], vendor_review: false, criticality: "non_critical", reviewed: { part: 1000, whole: 1000 }, personal_data: false,
  profiling: false, solely_automated: false, prohibited: [], annex1: false, annex3: [], transparency: [], general_purpose_provider: false,
  roles: ["importer"], operator_financial: false, customer_financial: false, public_body: false,
};

const folder = mkdtempSync(join(tmpdir(), "plimsoll-governed-"));
const file = (name, text) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
/** The command line, as `role`. */
export async function cli(role, ...args) {
  const { stdout } = await run(process.env.PLIMSOLL_BINARY, [...args, "--url", CONSOLE], { env: { ...process.env, PLIMSOLL_KEY: key(role) } });
  return stdout;
}

/** Somebody with these roles, who signs in by `key(name)`. */
export async function person(name, roles) {
  await api("admin", "POST", "/api/v1/principals", { name, kind: "user", roles });
  const made = await api("admin", "POST", "/api/v1/keys", { name, principal: name });
  process.env[`KEY_${name.toUpperCase()}`] = made.secret;
}

/** Payments whose amounts lie where both versions agree, with what they turned out to be. */
function evaluation() {
  const rows = Array.from({ length: 120 }, (_, n) => ({ amount: n % 2 ? 0.995 + (n / 120) * 0.005 : 0.1 + (n / 120) * 0.3, hour: n % 24, customer: `c${n}` }));
  return { rows, outcomes: rows.map(({ amount }) => amount > 0.9) };
}

const at = (path) => `/api/v1/deployments/${NAME}/${path}`;
const standing = (version) => api("ada", "GET", at(`standing/${version}`));

/** What teams check themselves: posted by their pipeline. */
let plugins = [];
export async function pipeline(version) {
  for (const { name, proves } of plugins) {
    await api("ada", "POST", at("check-results"), { version, check: name, check_version: 1, verdict: "pass", says: `${proves} looked at` });
  }
}

let furnished;
/** Made once, by whichever test needs it first: version 1 answers, version 2 is proposed. */
export function governed() {
  furnished ??= furnish();
  return furnished;
}

async function furnish() {
  await person("ada", ["ml-engineer", "approver"]);
  await person("bob", ["approver"]);
  await person("rita", ["risk"]);
  const [secret, open] = [join(folder, "key.pem"), join(folder, "key.pub")];
  await run("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", secret]);
  await run("openssl", ["ec", "-in", secret, "-pubout", "-out", open]);
  for (const [number, amount] of [[1, 0.98], [2, 0.58]]) {
    const place = mkdtempSync(join(folder, `v${number}-`));
    writeFileSync(join(place, "model.json"), flagsFrom(amount));
    writeFileSync(join(place, "provenance.json"), JSON.stringify({ code: "train.py", data: "payments.csv", note: String(number) }));
    await cli("ada", "model", "sign", place, "--signing-key", secret);
    await cli("ada", "model", "add", NAME, join(place, "model.json"), "--file", `metadata=${join(place, "provenance.json")}`, "--file", `other=${join(place, "model.sig")}`);
  }
  const contract = file("contract.json", JSON.stringify(CONTRACT));
  await cli("ada", "deployment", "create", NAME, "--model", NAME, "--contract", contract, "--environment", "staging", "--signer", `builders=${open}`, "--fallback", "0.02");
  // What is watched from the first answer on, and who is told.
  const rows = file("payments.csv", ["amount,hour,customer", ...Array.from({ length: 500 }, (_, n) => `${(n * 0.618033988749895) % 1},${n % 24},c${n}`)].join("\n"));
  for (const version of ["1", "2"]) await cli("ada", "monitor", "reference", "set", NAME, rows, "--version", version);
  await cli("admin", "alert", "route", "add", "duty-of-fraud", "webhook", "https://93.184.215.14/hook");
  await api("ada", "PUT", at("assessment"), { facts: FACTS });
  await api("ada", "PUT", at("evaluation"), evaluation());
  const plan = {
    purpose: "flags payments for clerks", on_call: "ml-oncall", auroc_floor: 0.7, mutable: ["hour"], max_age_days: 365,
    on_breach: "the team retrains and releases anew", outcomes: { source: "chargebacks", delay_days: 60 },
  };
  await api("ada", "PUT", at("gate-plan"), plan);
  const { result } = await standing(1);
  plugins = result.demands
    .filter(({ demand, state }) => demand.blocks && state === "not_evaluable")
    .map(({ demand }) => ({ name: `team.${demand.check}`, version: 1, proves: demand.check, max_age_s: 86_400 }));
  await api("ada", "PUT", at("gate-plan"), { ...plan, plugins });
  await pipeline(1);
  const gate = await api("ada", "POST", at("gates"), { version: 1 });
  assert.ok(gate.is_passed, JSON.stringify(gate.result, null, 1));
  const own = join(folder, "bob.key");
  await cli("bob", "approval", "key", "new", own);
  await cli("bob", "gate", "approve", NAME, "--version", "1", "--sign-with", own);
  await api("bob", "POST", at("release"), { version: 1 });
}

/** A payment; amounts are spread evenly, and each customer comes back. */
function payment(number) {
  const tensor = (name, datatype, value) => ({ name, shape: [1], datatype, data: [value] });
  return JSON.stringify({
    inputs: [
      tensor("amount", "FP64", (number * 0.618033988749895) % 1),
      tensor("hour", "FP64", number % 24),
      tensor("customer", "BYTES", `c${number % 9973}`),
    ],
  });
}

let asked = 0;
export async function pay() {
  const answer = await fetch(`${DATA}/v2/models/${NAME}/infer`, {
    method: "POST",
    headers: { authorization: `Bearer ${key("caller")}`, "content-type": "application/json" },
    body: payment(asked++),
  });
  await answer.arrayBuffer();
  return answer;
}
/** Callers that ask until they are told to stop. */
export function callers(count) {
  let isOver = false;
  const all = Array.from({ length: count }, async () => {
    while (!isOver) await pay();
  });
  return async () => {
    isOver = true;
    await Promise.all(all);
  };
}
