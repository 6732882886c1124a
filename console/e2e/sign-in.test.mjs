// Signing in at an issuer, in a real browser with its rules about cookies: an issuer and a server of their own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as listening } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { opened, shot } from "./harness.mjs";

const CLIENT = "plimsoll-console";
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const codes = new Map();
let groups = ["auditors"];
let folder, issuer, url, server, origin;

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
function token(nonce) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: url, aud: CLIENT, sub: "zoe", nonce, iat: now, exp: now + 300, groups };
  const signed = `${part({ alg: "EdDSA", kid: "k", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString("base64url")}`;
}

async function answer(request, response) {
  const { pathname, searchParams: asked } = new URL(request.url, url);
  const json = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (pathname === "/.well-known/openid-configuration") {
    return json(200, { issuer: url, jwks_uri: `${url}/keys`, authorization_endpoint: `${url}/authorize`, token_endpoint: `${url}/token` });
  }
  if (pathname === "/keys") return json(200, { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", use: "sig" }] });
  if (pathname === "/authorize") {
    const code = `code-${codes.size}`;
    codes.set(code, { nonce: asked.get("nonce"), challenge: asked.get("code_challenge") });
    const back = `${asked.get("redirect_uri")}?code=${code}&state=${asked.get("state")}`;
    // Somebody presses a button at the issuer: what follows comes from another site.
    return response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>Issuer</title><a href="${back.replaceAll("&", "&amp;")}">Let Plimsoll know who I am</a>`);
  }
  if (pathname === "/token") {
    let body = "";
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    const held = codes.get(form.get("code"));
    codes.delete(form.get("code"));
    const proven = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
    if (held?.challenge !== proven) return json(400, { error: "invalid_grant" });
    return json(200, { token_type: "Bearer", access_token: "opaque", id_token: token(held.nonce) });
  }
  response.writeHead(404).end();
}

/** Three ports in a row that are free now. */
async function ports() {
  for (let base = 41_000 + Math.floor(Math.random() * 9_000); ; base += 3) {
    const tried = await Promise.all([0, 1, 2].map((n) => new Promise((done) => {
      const socket = listening().once("error", () => done(null)).listen(base + n, "127.0.0.1", () => done(socket));
    })));
    for (const socket of tried) socket?.close();
    if (tried.every(Boolean)) return base;
  }
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "plimsoll-sign-in-"));
  // Another site than the console's: `localhost` there, an address here.
  issuer = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((done) => issuer.once("listening", done));
  url = `http://127.0.0.1:${issuer.address().port}`;
  const port = await ports();
  origin = `http://localhost:${port + 1}`;
  writeFileSync(join(folder, "identity.toml"), `[[issuer]]
name = "corp"
url = "${url}"
audiences = ["${CLIENT}"]
algorithms = ["EdDSA"]
kind = "user"
[issuer.roles]
auditors = ["auditor"]
[issuer.console]
client_id = "${CLIENT}"
url = "${origin}/console/"
`);
  const settings = [`identity.file=${join(folder, "identity.toml")}`, "outbound.allow=127.0.0.0/8", "outbound.plain_http=true", "ledger.reserve=0"];
  server = spawn(process.env.PLIMSOLL_BINARY, ["serve", "--port", String(port), "--data", join(folder, "data"), "--keys", join(folder, "keys"), ...settings.flatMap((setting) => ["--set", setting])], { stdio: "ignore" });
  for (let n = 0; n < 300; n++) {
    if (await fetch(`http://127.0.0.1:${port + 2}/readyz`).then(({ ok }) => ok, () => false)) return;
    await sleep(100);
  }
  assert.fail("the server does not answer");
});
after(async () => {
  // It writes until it has ended.
  const ended = server && server.exitCode === null ? new Promise((done) => server.once("exit", done)) : undefined;
  server?.kill();
  await ended;
  issuer?.close();
  issuer?.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

test("whom an issuer vouches for signs in with what its groups give, and out again", async () => {
  const { page, end } = await opened({ baseURL: `${origin}/console/`, also: [origin, url] });
  await page.goto("");
  await shot(page, "sign-in-at-an-issuer");
  await page.getByRole("link", { name: "Sign in with corp" }).click();
  await page.getByRole("link", { name: "Let Plimsoll know" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByText("zoe").first().waitFor();
  assert.equal(await page.evaluate(() => document.cookie), "", "scripts read neither cookie");
  await page.goto("settings");
  await page.getByText("auditor", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  await end();
});

test("whom no group gives a role stays outside and is told so", async () => {
  groups = ["gardeners"];
  const { page, end } = await opened({ baseURL: `${origin}/console/`, also: [origin, url] });
  await page.goto("");
  await page.getByRole("link", { name: "Sign in with corp" }).click();
  await page.getByRole("link", { name: "Let Plimsoll know" }).click();
  await page.getByRole("alert").getByText("no group of yours gives a role").waitFor();
  await end();
});
