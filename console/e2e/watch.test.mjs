// Watching: findings and who is told, columns against their reference, how good answers were, where things came
// from, who may use which data, training again, and whether the ledger has everything.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { api, as, CONSOLE, decide, findings, key, picture, shot } from "./harness.mjs";

const DEPLOYMENT = "credit-default";
const demo = (path) => new URL(`../../demo/credit/${path}`, import.meta.url);
const WINDOW = 100;
/** Decisions of which outcomes are told beforehand; the rest of the first window is told in the browser. */
const TOLD = 80;

async function sent(role, method, path, media, body) {
  const answer = await fetch(`${CONSOLE}${path}`, { method, headers: { authorization: `Bearer ${key(role)}`, "content-type": media }, body });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** The same request by somebody who earns less. */
function poorer(line) {
  const request = JSON.parse(line);
  const income = request.inputs.find(({ name }) => name === "income");
  income.data = [Math.round(income.data[0] * 0.4)];
  return JSON.stringify(request);
}

const until = async (what, enough) => {
  for (let n = 0; n < 300; n++) {
    const found = await what();
    if (enough(found)) return found;
    await new Promise((done) => setTimeout(done, 200));
  }
  assert.fail("it did not come to that");
};

const ids = [];
before(async () => {
  await sent("ml-engineer", "PUT", `/api/v1/deployments/${DEPLOYMENT}/reference?format=csv&origin=applications.csv&window_rows=${WINDOW}&min_rows=60`, "application/octet-stream", readFileSync(demo("applications.csv")));
  await new Promise((done) => setTimeout(done, 1200));
  const lines = readFileSync(demo("requests.jsonl"), "utf8").trim().split("\n");
  const windows = () => api("auditor", "GET", `/api/v1/deployments/${DEPLOYMENT}/monitoring/windows`);
  // A window ends with the slot in which it has its rows.
  for (let window = 0; window < 3; window++) {
    for (let n = 0; n < WINDOW; n++) ids.push((await decide(poorer(lines[(window * WINDOW + n) % lines.length]))).id);
    await until(windows, ({ items }) => items.length > window);
  }
  const outcomes = ids.slice(0, TOLD).map((decision, n) => JSON.stringify({ decision, value: n % 3 === 0, source: "bank" }));
  await sent("labeler", "POST", "/api/v1/outcomes", "application/x-ndjson", outcomes.join("\n"));
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-"));
  const table = join(folder, "loans.csv");
  writeFileSync(table, "id,income\n1,1000\n2,2000\n3,1500\n");
  execFileSync(process.env.PLIMSOLL_BINARY, ["dataset", "register", "loans", table, "--purpose", "scoring", "--personal", "income", "--url", CONSOLE], { env: { ...process.env, PLIMSOLL_KEY: key("data-scientist") } });
  await api("ml-engineer", "POST", `/api/v1/deployments/${DEPLOYMENT}/retrain`, { trainer: "own" });
});

const report = (more) => api("ml-engineer", "POST", "/api/v1/findings", { deployment: DEPLOYMENT, kind: "quality", severity: "warning", about: "rent", text: "a third is monthly", numbers: { share: 0.33 }, ...more });

test("a finding is reported, taken, handed over, set aside and resolved, and its story is told", async () => {
  const { page, end } = await as("ml-engineer", "findings");
  await page.getByRole("button", { name: "Report a finding" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Deployment").selectOption(DEPLOYMENT);
  await dialog.getByLabel("About").fill("savings");
  await dialog.getByLabel("What was seen").fill("half of them are nought");
  await dialog.getByRole("button", { name: "Report", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("link", { name: "savings" }).click();
  await page.getByRole("heading", { name: "savings" }).waitFor();
  const act = async (name, fill) => {
    await page.getByRole("button", { name, exact: true }).click();
    await fill(page.getByRole("dialog"));
    await page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  };
  await act("Acknowledge", (box) => box.getByLabel("What was seen so far").fill("a feed changed"));
  await page.getByText("acknowledged by ml-engineer: a feed changed").waitFor();
  await act("Assign", (box) => box.getByLabel("To whom").fill("data-team"));
  await page.getByText("data-team").first().waitFor();
  await act("Snooze", (box) => box.getByLabel("Reason").fill("fixed on Monday"));
  await page.getByText("snoozed by ml-engineer: fixed on Monday").waitFor();
  await act("Resolve", (box) => box.getByLabel("Reason").fill("the feed is back"));
  await page.getByText("resolved by ml-engineer: the feed is back").waitFor();
  await shot(page, "finding");
  await picture(page, "finding", { themes: ["light"] });
  await end();
});

test("findings are filtered by the server, and the address holds the filter", async () => {
  const { id } = await report({ about: "debt", severity: "critical" });
  await report({ about: "term", severity: "info" });
  await api("ml-engineer", "POST", `/api/v1/findings/${id}/assign`, { to: "risk-desk" });
  const { page, end } = await as("auditor", "findings");
  const list = page.getByRole("region", { name: "Findings" });
  await list.getByRole("link", { name: "debt", exact: true }).waitFor();
  await list.getByRole("link", { name: "term", exact: true }).waitFor();
  await page.getByLabel("Severity").selectOption("critical");
  await list.getByRole("link", { name: "term", exact: true }).waitFor({ state: "detached" });
  assert.match(page.url(), /severity=critical/);
  await page.goto("findings?owner=risk-desk");
  await list.getByRole("link", { name: "debt", exact: true }).waitFor();
  assert.equal(await list.getByRole("row").count(), 2, "one finding and the head");
  await page.goto("findings?age=90");
  await page.getByText("No such finding").waitFor();
  await page.goto("findings?overdue=1");
  await page.getByText("No such finding").waitFor();
  await page.goto("findings?state=all");
  await list.getByText("resolved").first().waitFor();
  await shot(page, "findings");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export CSV" }).click()]);
  assert.match(await readFile(await download.path(), "utf8"), /debt/);
  // Who may read and no more is told so.
  await page.goto(`findings/${id}`);
  await page.getByText("Your roles let you read findings").waitFor();
  assert.equal(await page.getByRole("button", { name: "Acknowledge" }).count(), 0);
  await page.getByRole("region", { name: "Other findings of this deployment" }).waitFor();
  await end();
});

test("a finding leads to the column that it is about", async () => {
  const drift = await until(
    () => api("auditor", "GET", `/api/v1/findings?deployment=${DEPLOYMENT}&kind=input_drift`),
    ({ items }) => items.some(({ about }) => about === "income"),
  );
  const { id } = drift.items.find(({ about }) => about === "income");
  const { page, end } = await as("auditor", `findings/${id}`);
  await page.getByRole("region", { name: "What decided" }).getByText("evidence_to_one").waitFor();
  await page.getByRole("link", { name: "Look at it in the monitoring" }).click();
  await page.getByRole("img", { name: "income: now and in the reference" }).waitFor();
  await end();
});

test("nobody is told for a time, and then again", async () => {
  const { page, end } = await as("ml-engineer", "findings?tab=silences");
  await page.getByText("No silence.").waitFor();
  await page.getByRole("button", { name: "New silence" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Deployment").selectOption(DEPLOYMENT);
  const day = new Date(Date.now() + 86_400_000).toISOString().slice(0, 16);
  await dialog.getByLabel("Until").fill(day);
  await dialog.getByLabel("Again after hours").fill("168");
  await dialog.getByLabel("Reason").fill("weekly load");
  await dialog.getByRole("button", { name: "New silence" }).click();
  await page.getByRole("row", { name: /holds now.*weekly load/ }).waitFor();
  await page.getByRole("button", { name: "End", exact: true }).click();
  await dialog.getByRole("button", { name: "End", exact: true }).click();
  await page.getByText("No silence.").waitFor();
  await end();
});

test("a route is added, tested, and told of findings; what fails is tried again", async () => {
  const { page, end } = await as("admin", "findings?tab=routes");
  await page.getByRole("button", { name: "New route" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("ops");
  await dialog.getByLabel("Where to").fill("https://nobody.invalid/hook");
  await dialog.getByRole("button", { name: "New route" }).click();
  await dialog.getByText(/whsec_/).waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  // Other tests have routes of their own.
  const own = page.getByRole("row", { name: /^ops / });
  await own.getByRole("button", { name: "Send a test" }).click();
  await page.getByText("The receiver did not take the test").waitFor();
  await report({ about: "education", severity: "critical" });
  await page.getByRole("tab", { name: "Alerts" }).click();
  const row = page.getByRole("row", { name: /ops opened credit-default waiting/ });
  await until(async () => {
    await page.getByRole("button", { name: "Refresh" }).click();
    return row.count();
  }, (count) => count > 0);
  await row.getByRole("link", { name: "opened" }).click();
  await page.getByRole("heading", { name: "education" }).waitFor();
  await page.goto("findings?tab=routes");
  await own.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await own.waitFor({ state: "detached" });
  await end();
});

test("columns stand against their reference window by window, and one closely", async () => {
  const { page, end } = await as("auditor", `deployments/${DEPLOYMENT}?tab=monitoring`);
  await page.getByText("moved", { exact: true }).first().waitFor();
  const heat = page.getByRole("group", { name: /^How far each column is/ });
  await heat.focus();
  await page.getByRole("status").filter({ hasText: /put up with|not enough data/ }).waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await page.getByRole("img", { name: /: now and in the reference$/ }).waitFor();
  assert.match(page.url(), /column=/);
  await page.getByText("As a table").first().click();
  await page.getByRole("button", { name: "Show: income", exact: true }).click();
  const drawing = page.getByRole("img", { name: "income: now and in the reference" });
  await drawing.waitFor();
  // Everybody earns less: far more of them are below the reference's lowest tenth than in it.
  const shares = await drawing.locator("title").allTextContents();
  const low = shares.slice(0, 2).map((text) => Number(/: ([\d.]+) %/.exec(text)?.[1])).reduce((sum, share) => sum + share, 0);
  assert.ok(low > 30, shares.join("; "));
  await page.getByRole("group", { name: /^income: distance over time/ }).waitFor();
  await page.getByRole("group", { name: /^Data quality/ }).waitFor();
  await page.getByRole("region", { name: "What was said" }).getByText("input drift").first().waitFor();
  await shot(page, "monitoring");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "PNG" }).nth(1).click()]);
  assert.equal((await readFile(await download.path())).subarray(1, 4).toString(), "PNG");
  // A time without windows is said to be one.
  await page.goto(`deployments/${DEPLOYMENT}?tab=monitoring&range=2020-01-01T00:00:00.000Z..2020-02-01T00:00:00.000Z`);
  await page.getByText("No window has ended in this time").waitFor();
  await end();
});

test("why the score moved is explained from the ledger, and ages stand beside their limits", async () => {
  const { page, end } = await as("auditor", `deployments/${DEPLOYMENT}?tab=monitoring`);
  await page.getByRole("button", { name: "Explain the last window" }).click();
  const drawing = page.getByRole("img", { name: "Parts of the change, by field" });
  await drawing.waitFor();
  // Everybody earns less, and nothing else is different.
  assert.match((await drawing.locator("title").first().textContent()) ?? "", /^income: /);
  await page.getByText("Parts are changes of mean SHAP values").waitFor();
  await page.getByText("Mean margin", { exact: true }).waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), drawing.locator("xpath=..").getByRole("button", { name: "CSV" }).click()]);
  assert.match(await readFile(await download.path(), "utf8"), /^Field,Part,Share/);
  await page.getByRole("region", { name: "How old things are" }).getByRole("row", { name: /reference 0\.0 of 180 days fresh/ }).waitFor();
  await page.getByRole("heading", { name: "Columns together" }).waitFor();
  await shot(page, "drift-explained");
  await page.getByRole("heading", { name: "Why the score moved" }).evaluate((heading) => heading.scrollIntoView());
  await picture(page, "drift", { themes: ["light"] });
  await end();
});

test("answers are measured by outcomes, with intervals, parts and calibration", async () => {
  const { page, end } = await as("auditor", `deployments/${DEPLOYMENT}?tab=performance`);
  await page.getByLabel("Measure").selectOption("accuracy");
  const table = page.getByRole("region", { name: "Windows and slices", exact: true });
  await table.getByRole("row", { name: /All.*0\.\d+ \(0\.\d+ … 0\.\d+\)/ }).waitFor();
  await page.locator("label", { hasText: /^By/ }).locator("select").selectOption("region");
  await table.getByRole("row", { name: /north/ }).waitFor();
  await table.getByText("fewer than 30 outcomes: nothing is said").first().waitFor();
  await page.getByRole("img", { name: "Do scores mean what they say?" }).waitFor();
  await shot(page, "performance");
  await page.getByText("Whoever asks for answers does not judge them").waitFor();
  await end();
});

test("outcomes are told by a file, and what is wrong with a row is told back", async () => {
  const { page, end } = await as("labeler", "outcomes");
  const rows = ids.slice(TOLD, WINDOW).map((id, n) => `${id},${n % 2 === 0},bank`);
  const file = (lines) => ({ name: "labels.csv", mimeType: "text/csv", buffer: Buffer.from(["decision,value,source", ...lines].join("\n")) });
  await page.getByLabel("File").setInputFiles(file([...rows, "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911,true,bank"]));
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText(`${rows.length} recorded, 0 known before, 1 refused`).waitFor();
  await page.getByRole("region", { name: "Why not" }).getByText("no decision").waitFor();
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText(`0 recorded, ${rows.length} known before`).waitFor();
  await page.getByLabel("File").setInputFiles({ name: "labels.xls", mimeType: "application/octet-stream", buffer: Buffer.from("x") });
  await page.getByText("The file's ending is none of").waitFor();
  await end();
});

test("groups are compared with intervals, and small ones are named and no more", async () => {
  const { page, end } = await as("auditor", `deployments/${DEPLOYMENT}?tab=fairness`);
  await page.getByText("Say by what groups").waitFor();
  await page.getByLabel("Groups by").fill("region,channel");
  await page.getByRole("button", { name: "Compare" }).click();
  const groups = page.getByRole("region", { name: "Groups by region", exact: true });
  await groups.last().getByRole("row", { name: /north.*% \(.*%.*%\)/ }).waitFor();
  await page.getByText("disparate_impact").first().waitFor();
  await page.getByText(/fewer than 30: not shown/).first().waitFor();
  await shot(page, "fairness");
  await end();
});

test("where a version came from and what came of it is drawn and listed", async () => {
  const { page, end } = await as("auditor", "models/credit?version=1");
  await page.locator("main").getByRole("link", { name: "Lineage" }).click();
  const graph = page.getByRole("group", { name: /^The graph/ });
  await graph.getByRole("button", { name: /deployment credit-default/ }).waitFor();
  await graph.getByRole("button", { name: /deployment credit-default/ }).focus();
  await page.keyboard.press("Enter");
  const known = page.getByRole("region", { name: "What is known of it" });
  await known.getByText("deployment:credit-default").waitFor();
  await page.getByRole("region", { name: "As a list" }).getByRole("row", { name: /model version.*released into.*deployment credit-default/ }).first().waitFor();
  await page.getByRole("region", { name: "As a list" }).getByText("decided").first().waitFor();
  await shot(page, "lineage");
  await picture(page, "lineage", { themes: ["light"] });
  await known.getByRole("button", { name: "Start here" }).click();
  assert.match(page.url(), /at=deployment/);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "SVG" }).click()]);
  assert.match(await readFile(await download.path(), "utf8"), /^<svg[^>]*>.*credit-default/s);
  await page.goto("lineage?at=model:nothing/9");
  await page.getByRole("alert").waitFor();
  await end();
});

test("a use of a dataset is granted for a purpose, stands in the matrix, and is taken back", async () => {
  const { page, end } = await as("dpo", "datasets/loans");
  await page.getByRole("button", { name: "Grant a use" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Principal").fill("data-scientist");
  await dialog.getByLabel("Purpose").selectOption("scoring");
  await dialog.getByRole("button", { name: "Grant", exact: true }).click();
  await page.getByRole("row", { name: /data-scientist train scoring no end/ }).waitFor();
  await page.goto("datasets?tab=matrix");
  await page.getByRole("columnheader", { name: "loans: train" }).waitFor();
  await page.getByRole("row", { name: /data-scientist scoring/ }).waitFor();
  await shot(page, "datasets");
  await page.goto("datasets/loans");
  await page.getByRole("cell", { name: "income" }).waitFor();
  await page.getByRole("button", { name: "Take back" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take back" }).click();
  await page.getByText("Nobody was granted a use").waitFor();
  await end();
});

test("training again is asked for, and its log is read as it is written", async () => {
  const { page, end } = await as("ml-engineer", "retrains");
  await page.getByRole("button", { name: "Ask for training again" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Deployment").selectOption(DEPLOYMENT);
  await dialog.getByLabel("Reason").fill("a new product");
  await dialog.getByRole("button", { name: "Ask for training again" }).click();
  await page.getByRole("heading", { name: `Training again: ${DEPLOYMENT}` }).waitFor();
  const log = page.getByLabel("What the trainer says");
  await log.getByText("round 2 <b>of six</b>").waitFor();
  await shot(page, "retraining");
  await page.getByText("candidate made", { exact: true }).first().waitFor();
  await log.getByText("round 6 <b>of six</b>").waitFor();
  assert.equal(await log.locator("b").count(), 0, "what a trainer says is text");
  await page.getByRole("link", { name: /^credit\/\d+$/ }).waitFor();
  await page.goto("retrains");
  await page.getByRole("row", { name: /candidate made a person a new product/ }).waitFor();
  await end();
});

test("the ledger tells of each part of the time what checkpoints cover", async () => {
  const { page, end } = await as("auditor", "ledger?range=1h");
  await page.getByRole("img", { name: "Is everything there?" }).waitFor();
  await page.getByText(/All [\d,.]+ records are covered by a published checkpoint|wait for the next checkpoint/).waitFor();
  const { records, parts } = await api("auditor", "GET", "/api/v1/ledger/timeline?parts=7");
  const sum = (pick) => parts.reduce((sum, part) => sum + pick(part), 0);
  assert.ok(records >= ids.length && sum((part) => part.records) >= ids.length);
  const listed = await api("auditor", "GET", "/api/v1/decisions?result=refused&limit=1000");
  assert.equal(sum((part) => part.results.refused ?? 0), listed.items.length, "as many refused ones as the list has");
  await shot(page, "timeline");
  await end();
});

for (const colorScheme of ["light", "dark"]) {
  test(`every page of watching is accessible (${colorScheme})`, async () => {
    const { items } = await api("auditor", "GET", `/api/v1/findings?deployment=${DEPLOYMENT}&limit=1`);
    const retrains = await api("auditor", "GET", "/api/v1/retrains?limit=1");
    const pages = {
      auditor: ["findings", "findings?tab=silences", "findings?tab=routes", "findings?tab=sent", `findings/${items[0].id}`, `deployments/${DEPLOYMENT}?tab=monitoring&column=income`, `deployments/${DEPLOYMENT}?tab=performance&by=region`, `deployments/${DEPLOYMENT}?tab=fairness&by=region`, "lineage", "lineage?at=model:credit/1", "datasets", "datasets?tab=matrix", "datasets/loans", "retrains", `retrains/${retrains.items[0]?.id}`, "ledger"],
      "ml-engineer": [`findings/${items[0].id}`],
      labeler: ["outcomes"],
    };
    const found = [];
    for (const [role, paths] of Object.entries(pages)) {
      const { page, end } = await as(role, "", { colorScheme });
      for (const path of paths) {
        await page.goto(path);
        await page.locator("h1").first().waitFor();
        await page.locator(".skeleton").first().waitFor({ state: "detached" }).catch(() => {});
        await page.waitForTimeout(300);
        const explain = page.getByRole("button", { name: "Explain the last window" });
        if (await explain.count()) {
          await explain.click();
          await page.getByText("Where it is most").waitFor();
        }
        found.push(...(await findings(page)).map((finding) => `${role} ${path}: ${finding}`));
      }
      await end();
    }
    assert.deepEqual(found, []);
  });
}

test("it all speaks German", async () => {
  const { page, end } = await as("auditor", "findings", { locale: "en-GB" });
  await page.evaluate(() => localStorage.setItem("plimsoll.settings", JSON.stringify({ language: "de" })));
  await page.goto("findings");
  await page.getByRole("heading", { name: "Befunde" }).waitFor();
  await page.goto(`deployments/${DEPLOYMENT}?tab=monitoring`);
  await page.getByText("verschoben", { exact: true }).first().waitFor();
  await page.goto("lineage?at=model:credit/1");
  await page.getByRole("group", { name: /^Der Graph/ }).waitFor();
  await end();
});
