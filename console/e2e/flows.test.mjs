// What people do with the console, each flow from signing in to what they wanted to see.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { api, as, CONSOLE, decide, key, opened, picture, shot } from "./harness.mjs";

test("a wrong key is refused, a right one signs in, and signing out ends it", async () => {
  const { page, end } = await opened();
  await page.goto("");
  await page.getByLabel("API key").fill("plim_any_00000000_guess");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This key is not known here").waitFor();
  await shot(page, "sign-in");
  await page.getByLabel("API key").fill(key("admin"));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.equal(await page.evaluate(() => document.cookie), "", "scripts cannot read the session");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  await end();
});

test("the overview tells whether it records, answers, and what it decided", async () => {
  const { page, end } = await as("auditor");
  await page.getByText("records are durable").waitFor();
  await page.getByText("Checkpoints are signed").waitFor();
  const row = page.getByRole("row", { name: /credit-default staging ready/ });
  await row.waitFor();
  await page.getByRole("region", { name: "Latest decisions" }).getByText("answered").first().waitFor();
  await shot(page, "overview");
  await end();
});

test("a decision is found by its id, with what was asked and answered", async () => {
  const { id } = await decide();
  const { page, end } = await as("auditor", "decisions");
  await page.getByLabel("Decision id").fill("not-an-id");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("An id has 36 characters").waitFor();
  await page.getByLabel("Decision id").fill(id);
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByRole("heading", { name: "Decision", exact: true }).waitFor();
  await page.getByRole("cell", { name: "partner_income" }).waitFor();
  await page.getByRole("heading", { name: "Time by phase" }).waitFor();
  await shot(page, "decision");
  await end();
});

test("its receipt is verified by the browser, and one that was changed is not", async () => {
  const { id } = await decide();
  const { page, end } = await as("auditor", `decisions/${id}`);
  await page.getByRole("tab", { name: "Receipt" }).click();
  await page.getByRole("button", { name: "Trust this key" }).click();
  await page.getByRole("button", { name: "Verify here" }).click();
  await page.getByText("The receipt holds").waitFor();
  await page.getByText("✓ The tree holds the entry").waitFor();
  await shot(page, "receipt");
  await page.route("**/receipt", async (route) => {
    const answer = await route.fetch();
    const receipt = await answer.json();
    const leaf = Buffer.from(receipt.leaf, "base64");
    leaf[leaf.length - 1] ^= 1;
    await route.fulfill({ response: answer, json: { ...receipt, leaf: leaf.toString("base64") } });
  });
  await page.getByRole("button", { name: "Verify here" }).click();
  await page.getByText("The receipt does not hold").waitFor();
  await page.getByText("✗ The tree holds the entry").waitFor();
  await end();
});

test("another decision's receipt does not pass for this one's", async () => {
  const [{ id }, other] = [await decide(), await decide()];
  const { page, end } = await as("auditor", `decisions/${id}`);
  await page.getByRole("tab", { name: "Receipt" }).click();
  await page.route("**/receipt", async (route) => {
    const { headers } = route.request();
    void headers;
    const answer = await route.fetch({ url: `${CONSOLE}/api/v1/decisions/${other.id}/receipt` });
    await route.fulfill({ response: answer });
  });
  await page.getByRole("button", { name: "Verify here" }).click();
  await page.getByText("the receipt is another decision's").waitFor();
  await end();
});

test("a receipt that was saved has every member of the format", async () => {
  const { id } = await decide();
  const { page, end } = await as("auditor", `decisions/${id}`);
  await page.getByRole("tab", { name: "Receipt" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
  const receipt = JSON.parse(await readFile(await download.path(), "utf8"));
  assert.deepEqual(Object.keys(receipt).sort(), ["format", "leaf", "proof", "record_key", "sealed"]);
  await end();
});

test("an explanation is read as a waterfall with reasons, for each reader, in both languages", async () => {
  const { id } = await decide();
  const { page, end } = await as("auditor", `decisions/${id}`);
  await page.getByRole("tab", { name: "Explanation" }).click();
  await page.getByLabel("For").selectOption("engineer");
  const chart = page.getByRole("img", { name: "Contributions" });
  await chart.waitFor();
  assert.ok((await chart.locator("rect").count()) > 5);
  await shot(page, "explanation");
  await picture(page, "explanation", { themes: ["light"], height: 1080 });
  await page.getByLabel("For").selectOption("subject");
  await chart.waitFor({ state: "detached" });
  await page.getByLabel("Language").selectOption("de");
  await page.locator("[lang=de]").first().waitFor();
  await end();
});

test("a decision is computed again to the bit", async () => {
  const { id } = await decide();
  const { page, end } = await as("auditor", `decisions/${id}`);
  await page.getByRole("tab", { name: "How it came to be" }).click();
  await page.getByRole("button", { name: "Replay" }).click();
  await page.getByText("Equal to the bit").waitFor();
  await end();
});

test("a breach of the contract is seen as it happens", async () => {
  const { page, end } = await as("auditor", "decisions?live=1");
  await page.getByRole("region", { name: "Decisions" }).getByText("answered").first().waitFor();
  const before = await page.getByText("refused", { exact: true }).count();
  const request = JSON.parse(process.env.PLIMSOLL_REQUEST);
  request.inputs.find(({ name }) => name === "age").data = [17];
  const { status, id } = await decide(JSON.stringify(request));
  assert.equal(status, 400);
  await page.getByRole("row", { name: new RegExp(`${id}.*refused validate`) }).waitFor();
  assert.ok((await page.getByText("refused", { exact: true }).count()) > before);
  await page.getByRole("link", { name: id }).click();
  await page.getByRole("heading", { name: "Why it was refused" }).waitFor();
  await page.getByText("out_of_range").waitFor();
  await end();
});

test("the address holds what was asked, and what is shown can be saved", async () => {
  const { page, end } = await as("auditor", "decisions");
  await page.getByLabel("Result").selectOption("refused");
  await page.getByRole("combobox", { name: /^Time/ }).selectOption("7d");
  await page.waitForURL(/result=refused.*range=7d/);
  await page.reload();
  assert.equal(await page.getByLabel("Result").inputValue(), "refused");
  await page.getByRole("row", { name: /refused/ }).first().waitFor();
  assert.equal(await page.getByRole("cell", { name: "answered" }).count(), 0);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export CSV" }).click()]);
  const lines = (await readFile(await download.path(), "utf8")).split("\r\n");
  assert.equal(lines[0], "Time,Decision,Deployment,Version,Route,Result,Refused in");
  assert.ok(lines.length > 1 && lines.slice(1).every((line) => line.includes(",refused,")));
  await end();
});

test("a list reads on", async () => {
  for (let n = 0; n < 110; n++) await decide();
  const { page, end } = await as("auditor", "decisions?range=all");
  const rows = page.getByRole("region", { name: "Decisions" }).getByRole("row");
  await rows.nth(100).waitFor();
  assert.equal(await rows.count(), 101);
  await page.getByRole("button", { name: "Load more" }).click();
  await rows.nth(120).waitFor();
  await end();
});

test("the keyboard goes anywhere", async () => {
  const { id } = await decide();
  const { page, end } = await as("admin");
  await page.keyboard.press("Control+k");
  await page.getByRole("option", { name: "Deployments: credit-default" }).waitFor();
  await page.keyboard.type("credit-def");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/deployments\/credit-default/);
  await page.keyboard.press("Control+k");
  await page.keyboard.type(id);
  await page.getByRole("option", { name: id }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(`decisions/${id}`));
  await end();
});

test("a deployment shows its contract; the author of a version does not release it, an approver does", async () => {
  const author = await as("data-scientist", "deployments/credit-default");
  await author.page.getByRole("heading", { name: "credit-default" }).waitFor();
  assert.equal(await author.page.getByRole("button", { name: "Release a version" }).count(), 0);
  await author.end();
  const { page, end } = await as("approver", "deployments/credit-default");
  await page.getByRole("tab", { name: "Input contract" }).click();
  await page.getByRole("cell", { name: "≥ 18 · ≤ 100 · years" }).waitFor();
  await shot(page, "deployment");
  await page.getByRole("button", { name: "Release a version" }).click();
  await page.getByRole("dialog").getByLabel("Version").selectOption("2");
  await page.getByRole("button", { name: "Release", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.waitForFunction(async () => (await (await fetch("/api/v1/deployments/credit-default")).json()).released.number === 2);
  await end();
});

test("a decision is contested and overridden, with the reason shown as text", async () => {
  const { id } = await decide();
  const { page, end } = await as("reviewer", `decisions/${id}`);
  await page.getByRole("tab", { name: "Review" }).click();
  const hostile = `<img src=x onerror="document.title='taken'">`;
  await page.locator("form select").first().selectOption("overridden");
  await page.getByLabel("New outputs").fill("0.5");
  await page.getByLabel("Reason").fill(hostile);
  await page.locator("main form").getByRole("button", { name: "Override" }).click();
  await page.getByRole("cell", { name: hostile }).waitFor();
  assert.notEqual(await page.title(), "taken");
  await page.goto("reviews?state=overridden");
  await page.getByRole("link", { name: id }).waitFor();
  await shot(page, "reviews");
  await page.getByRole("tab", { name: "Effect" }).click();
  await page.getByRole("cell", { name: "credit-default" }).waitFor();
  await end();
});

test("a model's versions and what it attends to", async () => {
  const { page, end } = await as("data-scientist", "models/credit");
  await page.getByRole("row", { name: /^2 XGBoost/ }).waitFor();
  await page.getByRole("heading", { name: /What it attends to/ }).waitFor();
  await shot(page, "model");
  await end();
});

test("a key is made, works, and ends with its sessions when it is revoked", async () => {
  const { page, end } = await as("admin", "access");
  await page.getByRole("tab", { name: "Keys" }).click();
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name", { exact: true }).fill("from-the-browser");
  await page.getByLabel("Speaks for").selectOption("auditor");
  await page.getByRole("dialog").getByRole("button", { name: "New key" }).click();
  const secret = await page.getByLabel("The new key").inputValue();
  await page.getByRole("button", { name: "Close" }).click();
  const status = async () => (await fetch(`${CONSOLE}/api/v1/status`, { headers: { authorization: `Bearer ${secret}` } })).status;
  assert.equal(await status(), 200);
  await shot(page, "access");
  await page.getByRole("button", { name: "Revoke from-the-browser" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await status(), 401);
  await end();
});

test("why somebody may do something is told with the policy that decided", async () => {
  const { page, end } = await as("admin", "access");
  await page.getByRole("tab", { name: "Why" }).click();
  await page.getByRole("combobox", { name: /^Principal/ }).selectOption("approver");
  await page.getByRole("combobox", { name: /^Action/ }).selectOption("Infer");
  await page.getByLabel("Resource").fill("deployment/credit-default");
  await page.getByRole("button", { name: "Ask" }).click();
  await page.getByText("denied", { exact: true }).waitFor();
  await page.getByRole("tab", { name: "Matrix" }).click();
  await page.getByRole("columnheader", { name: "approver" }).waitFor();
  await end();
});

test("what one may not do is absent, and what one reaches by its address says so", async () => {
  const { page, end } = await as("caller");
  const nav = page.getByRole("navigation", { name: "Main" });
  assert.equal(await nav.getByRole("link", { name: "Access" }).count(), 0);
  await page.goto("ledger");
  await page.getByText("Your roles do not permit this.").first().waitFor();
  await shot(page, "denied");
  await end();
});

test("the ledger tells its key, its copies and what was changed by whom", async () => {
  const { page, end } = await as("auditor", "ledger");
  await page.getByText("Checkpoints are kept on this machine only").waitFor();
  await page.getByRole("row", { name: /CreateDeployment/ }).first().waitFor();
  await shot(page, "ledger");
  await end();
});

test("a person is found, exported and forgotten; the decision says so and its receipt still holds", async () => {
  const request = JSON.parse(process.env.PLIMSOLL_REQUEST);
  request.inputs.find(({ name }) => name === "customer_id").data = ["C777001"];
  const { id } = await decide(JSON.stringify(request));
  const { page, end } = await as("dpo", "subjects");
  await page.getByLabel("Subject").fill("C777001");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText("Something is held about this subject.").waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export what is held" }).click()]);
  assert.ok((await readFile(await download.path(), "utf8")).includes(id));
  await page.getByRole("button", { name: "Erase", exact: true }).click();
  await page.getByLabel("Reason").fill("asked by letter");
  await page.getByRole("dialog").getByRole("button", { name: "Erase" }).click();
  await page.getByRole("cell", { name: "asked by letter" }).waitFor();
  assert.ok(!page.url().includes("C777001"), "the address does not name a person");
  await shot(page, "subjects");
  await end();
  const auditor = await as("auditor", `decisions/${id}`);
  await auditor.page.getByText("The values are not shown").waitFor();
  await auditor.page.getByRole("tab", { name: "Receipt" }).click();
  await auditor.page.getByRole("button", { name: "Verify here" }).click();
  await auditor.page.getByText("The receipt holds").waitFor();
  await auditor.end();
});

test("theme, language and zone are chosen and kept", async () => {
  const { page, end } = await as("admin", "settings");
  await page.getByLabel("Theme").selectOption("dark");
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.getByLabel("Times in").selectOption("UTC");
  await page.getByLabel("Language").selectOption("de");
  await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "de");
  await page.goto("");
  await page.getByRole("heading", { name: "Übersicht" }).waitFor();
  await shot(page, "dark-german");
  await end();
});

test("another site's script has no token, so it changes nothing", async () => {
  const { page, end } = await as("admin");
  const status = await page.evaluate(async () => (await fetch("/api/v1/keys", { method: "POST", headers: { "content-type": "application/json" }, body: '{"name":"forged"}' })).status);
  assert.equal(status, 403);
  const keys = await api("admin", "GET", "/api/v1/keys");
  assert.ok(!keys.items.some(({ name }) => name === "forged"));
  await end();
});

test("decisions are asked with SQL, what may be asked is shown, and what is wrong is told", async () => {
  const { page, end } = await as("auditor", "query");
  await page.getByRole("button", { name: "partner_income" }).waitFor();
  await page.getByRole("button", { name: /^Run/ }).click();
  await page.getByRole("row", { name: /credit-default answered \d+/ }).waitFor();
  await shot(page, "query");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save as Parquet" }).click()]);
  assert.equal((await readFile(await download.path())).subarray(0, 4).toString(), "PAR1");
  await page.getByLabel("One SELECT").fill("drop table decisions");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("alert").waitFor();
  await end();
});
