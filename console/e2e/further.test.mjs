// Experiments, views that are kept, charts of queries, decisions about a person, and pages on paper.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { cli, flagsFrom } from "./governed.mjs";
import { api, as, DATA, findings, key, picture, shot } from "./harness.mjs";

const NAME = "shop";
const BAIT = `"><img src=x onerror="window.taken=1"><script>window.taken=1</script>`;
const CONTRACT = {
  version: 1,
  features: [
    { name: "amount", kind: "number", min: 0, max: 1 },
    { name: "hour", kind: "number", min: 0, max: 24 },
  ],
  context: [
    { name: "customer", kind: "string", max_length: 32, class: "personal" },
    { name: "channel", kind: "string", max_length: 120 },
  ],
  map: { subjects: [{ field: "customer" }], slices: [{ field: "channel" }] },
};

before(async () => {
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-shop-"));
  const file = (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  for (const [number, amount] of [[1, 0.9], [2, 0.4], [3, 0.88]]) await cli("data-scientist", "model", "add", NAME, file(`v${number}.json`, flagsFrom(amount)));
  await cli("ml-engineer", "deployment", "create", NAME, "--model", NAME, "--contract", file("contract.json", JSON.stringify(CONTRACT)), "--environment", "staging");
  await cli("approver", "deployment", "release", NAME, "--version", "1");
});

/** Purchases, each by a customer of their own. */
async function buy(from, to) {
  const tensor = (name, datatype, value) => ({ name, shape: [1], datatype, data: [value] });
  for (let n = from; n < to; n++) {
    const inputs = [tensor("amount", "FP64", (n * 0.618033988749895) % 1), tensor("hour", "FP64", n % 24), tensor("customer", "BYTES", `c${n}`), tensor("channel", "BYTES", n % 2 ? BAIT : "web")];
    const answer = await fetch(`${DATA}/v2/models/${NAME}/infer`, { method: "POST", headers: { authorization: `Bearer ${key("caller")}`, "content-type": "application/json" }, body: JSON.stringify({ inputs }) });
    assert.equal(answer.status, 200, await answer.text());
  }
}

test("an experiment is started, an arm is stopped for a reason, and it ends with the control", async () => {
  const { page, end } = await as("approver", "experiments");
  await page.getByText("No experiment yet.").waitFor();
  await page.locator(".head").getByLabel("Deployment").selectOption(NAME);
  await page.getByRole("button", { name: "Start an experiment" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Add an arm" }).click();
  await dialog.getByLabel("Primary metric").fill("flagged");
  await dialog.getByLabel("It is").selectOption("positive");
  await dialog.getByLabel("Better is").selectOption("decrease");
  await dialog.getByLabel("Least difference that matters").fill("0.02");
  await dialog.getByRole("button", { name: "Start it" }).click();
  await page.waitForURL(/experiments\/[0-9a-f-]{36}/);
  await page.getByRole("region", { name: "Arms" }).getByRole("row", { name: /^control control 1 33\.33 %/ }).waitFor();
  await page.getByText("flagged", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Stop an arm" }).click();
  await dialog.getByRole("combobox", { name: "Arm" }).selectOption("c");
  await dialog.getByLabel("Reason").fill("complaints by phone");
  await dialog.getByRole("button", { name: "Stop an arm" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("region", { name: "What happened" }).getByRole("row", { name: /arm stopped: c .* complaints by phone/ }).waitFor();
  await page.getByRole("button", { name: "Conclude" }).click();
  await dialog.getByLabel("Reason").fill("another design");
  await dialog.getByRole("button", { name: "Conclude" }).click();
  await page.getByText("ended, control kept").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Conclude" }).count(), 0);
  await end();
});

test("an experiment says at any time which arm is better, for whom, and whether the split is as declared", async () => {
  await api("approver", "POST", `/api/v1/deployments/${NAME}/experiments`, {
    arms: [{ name: "control", version: 1, percent: 50 }, { name: "stricter", version: 2, percent: 50 }],
    metrics: [{ name: "flagged", kind: "positive", role: "primary" }, { name: "score", kind: "score" }],
    slices: ["channel"], units: 500, minimum_effect: 0.05,
  });
  await buy(0, 120);
  const { page, end } = await as("approver", `deployments/${NAME}?tab=releases`);
  await page.getByRole("region", { name: "Experiments" }).getByRole("row", { name: /running control \(1, 50 %\), stricter/ }).getByRole("link").first().click();
  await page.getByText("Nothing is clear yet: go on.").waitFor();
  await page.getByText("Not enough units yet").waitFor();
  await buy(120, 900);
  // The page tells by itself.
  await page.getByText("stricter is better in the primary metric and does no harm.").waitFor();
  const metrics = page.getByRole("region", { name: "Metrics" });
  await metrics.getByRole("row", { name: /^flagged primary, decides stricter .* % … \+.* % \(95 %\) .* better/ }).waitFor();
  await page.getByRole("region", { name: "Is the split as declared?" }).getByRole("row", { name: /^units assigned .* as declared$/ }).waitFor();
  await page.getByRole("img", { name: "flagged: each arm beside the control" }).waitFor();
  const course = page.getByRole("group", { name: /^flagged: how the interval went: stricter/ });
  await course.focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.getByRole("status").filter({ hasText: /^Units: \d+/ }).waitFor();
  await page.getByRole("region", { name: "Slices of the primary metric" }).getByRole("row", { name: /onerror=.* stricter/ }).waitFor();
  assert.equal(await page.evaluate(() => window.taken), undefined);
  assert.equal(await page.locator("main img").count(), 0);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV of the table: Metrics" }).click()]);
  assert.match(await readFile(await download.path(), "utf8"), /^Metric,Arm,Units,In the control.*\r\nflagged,stricter,/);
  const [drawn] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "PNG" }).first().click()]);
  assert.equal((await readFile(await drawn.path())).subarray(1, 4).toString(), "PNG");
  await shot(page, "experiment");
  await picture(page, "experiment");
  await page.getByRole("button", { name: "Conclude" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Who answers from now on").selectOption("stricter");
  await dialog.getByLabel("Reason").fill(`flags what it should ${BAIT}`);
  await dialog.getByRole("button", { name: "Conclude" }).click();
  await page.getByText("an arm was shipped").first().waitFor();
  await page.getByRole("row", { name: /arm shipped: stricter .* flags what it should .* numbers then: ship, stricter/ }).waitFor();
  assert.equal((await api("auditor", "GET", `/api/v1/deployments/${NAME}`)).released.number, 2);
  const place = page.url();
  await end();
  // Who may look and no more is told so; the address leads there, in German too.
  const auditor = await as("auditor");
  await auditor.page.goto(place);
  await auditor.page.getByText("an arm was shipped").first().waitFor();
  assert.equal(await auditor.page.getByRole("button", { name: "Conclude" }).count(), 0);
  assert.equal(await auditor.page.evaluate(() => window.taken), undefined);
  await auditor.page.goto("experiments?phase=shipped");
  await auditor.page.getByRole("region", { name: "Experiments" }).getByRole("row", { name: /shop an arm was shipped/ }).waitFor();
  await auditor.page.evaluate(() => localStorage.setItem("plimsoll.settings", JSON.stringify({ language: "de" })));
  await auditor.page.goto(place);
  await auditor.page.getByText("ein Arm wurde übernommen").first().waitFor();
  await auditor.page.getByRole("heading", { name: "Ist die Aufteilung wie erklärt?" }).waitFor();
  await auditor.end();
  const reviewer = await as("reviewer");
  await reviewer.page.goto(place);
  await reviewer.page.locator("main").getByText(/ReadPerformance|roles do not permit/).first().waitFor();
  await reviewer.end();
});

test("views are kept under names, apart for each person", async () => {
  const { page, end } = await as("auditor", "decisions?result=refused&range=7d");
  await page.getByRole("button", { name: "Keep this view" }).click();
  await page.getByRole("dialog").getByLabel("Name of the view").fill(`refused this week ${BAIT}`);
  await page.getByRole("dialog").getByRole("button", { name: "Keep this view" }).click();
  await page.goto("decisions");
  await page.getByLabel("Saved views").selectOption({ index: 1 });
  await page.waitForURL(/result=refused/);
  assert.equal(await page.getByRole("combobox", { name: /^Result/ }).inputValue(), "refused");
  assert.equal(await page.getByRole("combobox", { name: /^Time/ }).inputValue(), "7d");
  assert.equal(await page.evaluate(() => window.taken), undefined);
  // Another person at the same browser has none of them.
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").fill(key("admin"));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Keep this view" }).waitFor();
  assert.equal(await page.getByLabel("Saved views").count(), 0);
  await end();
});

test("a query's rows are drawn, its address holds the statement and the server is not sent it", async () => {
  const { page, end } = await as("auditor", "query");
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.getByLabel("One SELECT").fill("select deployment, count(*) as decisions from decisions group by 1 order by 2 desc");
  await page.getByRole("button", { name: /^Run/ }).click();
  await page.getByRole("img", { name: "decisions by deployment" }).waitFor();
  await shot(page, "query-chart");
  await page.reload();
  assert.match(await page.getByLabel("One SELECT").inputValue(), /count\(\*\) as decisions/);
  assert.ok(!asked.some((url) => /count/.test(new URL(url).search)), "the statement is in no address that is asked for");
  await page.getByRole("button", { name: /^Run/ }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "PNG: decisions by deployment" }).click()]);
  assert.equal((await readFile(await download.path())).subarray(1, 4).toString(), "PNG");
  await page.getByLabel("One SELECT").fill("select deployment from decisions limit 3");
  await page.getByRole("button", { name: /^Run/ }).click();
  await page.getByText("Numbers are drawn").waitFor();
  await end();
});

test("decisions about a person are found, and who it was stands in no address", async () => {
  const { page, end } = await as("auditor", "decisions");
  await page.getByRole("textbox", { name: "Person" }).fill("c7");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("region", { name: "Decisions about this person" }).getByRole("row", { name: /shop/ }).waitFor();
  assert.doesNotMatch(page.url(), /c7/);
  await page.getByRole("textbox", { name: "Person" }).fill("nobody-at-all");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("No decision about this person").waitFor();
  await end();
});

test("a page goes on paper: without what is for clicking, light, with where and when", async () => {
  const { page, end } = await as("auditor", "releases", { colorScheme: "dark" });
  await page.getByRole("heading", { name: "Releases" }).waitFor();
  await page.evaluate(() => {
    window.print = () => (window.printed = document.documentElement.dataset.theme);
  });
  await page.getByRole("button", { name: "Print / PDF" }).click();
  await page.waitForFunction(() => window.printed === "light");
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.getByRole("navigation").isVisible(), false);
  assert.match((await page.locator(".printed").textContent()) ?? "", /console\/releases · Printed/);
  assert.ok(await page.locator(".printed").isVisible());
  const paper = await page.pdf({ format: "A4" });
  assert.equal(paper.subarray(0, 5).toString(), "%PDF-");
  await end();
});

for (const colorScheme of ["light", "dark"]) {
  test(`pages of experiments and queries are accessible (${colorScheme})`, async () => {
    const { items } = await api("auditor", "GET", `/api/v1/deployments/${NAME}/experiments`);
    const found = [];
    const { page, end } = await as("approver", "", { colorScheme });
    for (const path of ["experiments", ...items.map(({ id }) => `deployments/${NAME}/experiments/${id}`), `deployments/${NAME}?tab=releases`]) {
      await page.goto(path);
      await page.locator("h1").first().waitFor();
      await page.locator(".skeleton").first().waitFor({ state: "detached" }).catch(() => {});
      await page.waitForTimeout(300);
      found.push(...(await findings(page)).map((finding) => `${path}: ${finding}`));
    }
    await page.getByRole("button", { name: "Start an experiment" }).click();
    await page.getByRole("dialog").waitFor();
    found.push(...(await findings(page)).map((finding) => `dialog: ${finding}`));
    await end();
    const auditor = await as("auditor", "query", { colorScheme });
    await auditor.page.getByRole("button", { name: /^Run/ }).click();
    await auditor.page.getByRole("heading", { name: "Chart" }).waitFor();
    await auditor.page.waitForTimeout(300);
    found.push(...(await findings(auditor.page)).map((finding) => `query: ${finding}`));
    await auditor.page.getByRole("button", { name: "Keep this view" }).click();
    await auditor.page.getByRole("dialog").waitFor();
    found.push(...(await findings(auditor.page)).map((finding) => `views: ${finding}`));
    await auditor.end();
    assert.deepEqual(found, []);
  });
}
