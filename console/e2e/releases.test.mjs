// What people do about releases: propose, gate, approve, try, watch it being rolled back; exceptions, assessments,
// the kill switch; and what they may not do is refused visibly.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import { api, as, findings, picture, shot } from "./harness.mjs";
import { callers, FACTS, governed, NAME, pay, pipeline } from "./governed.mjs";

before(governed);

const BAIT = `"><img src=x onerror="window.taken=1"><script>window.taken=1</script>`;
const path = (rest) => `deployments/${NAME}/${rest}`;
const release = (number) => api("auditor", "GET", `/api/v1/deployments/${NAME}`).then(({ released }) => assert.equal(released.number, number));
const settled = (page) => page.locator(".skeleton").first().waitFor({ state: "detached" }).catch(() => {});

test("a gate says what is missing, with duty, source and what to do, and its difference from the incumbent", async () => {
  const { page, end } = await as("ada", path("gate?version=2"));
  await page.getByText("may not be released").waitFor();
  await page.getByText("the gate is not passed").waitFor();
  const checks = page.getByRole("region", { name: "Checks" });
  const open = checks.getByRole("row", { name: /not evaluable CHG-01/ });
  await open.getByText("GOV-T1").waitFor();
  await open.getByText("liability guide, exception 2").waitFor();
  await open.getByText("A team's own checks run where").waitFor();
  await shot(page, "gate-open");
  await page.getByLabel("Shown").selectOption("open");
  await page.waitForURL(/shown=open/);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export CSV" }).click()]);
  assert.match((await readFile(await download.path(), "utf8")).split("\r\n")[0], /^State,Demand,Evidence,Owed by,What to do$/);
  await page.getByRole("tab", { name: "Against the incumbent" }).click();
  await page.getByRole("row", { name: /^File model\.json .* changed$/ }).waitFor();
  assert.equal(await page.getByRole("row", { name: /^Format/ }).count(), 0, "what is the same is not shown");
  await page.getByLabel("Only what differs").uncheck();
  await page.getByRole("row", { name: /^Format XGBoost JSON XGBoost JSON unchanged$/ }).waitFor();
  await end();
});

test("propose, gate, approve by another user, canary, and the automatic rollback is watched live", async () => {
  // Ada, who made the version, proposes it: her pipeline posts its results, she runs the gate.
  await pipeline(2);
  const ada = await as("ada", path("gate?version=2"));
  await ada.page.getByRole("button", { name: "Run the gate" }).click();
  await ada.page.getByText("1 more people have to approve").waitFor();
  await ada.page.getByRole("tab", { name: "Gate results" }).click();
  await ada.page.getByRole("row", { name: /2 passed ada .*what counts now/ }).waitFor();
  // Her own approval is refused where she sees it.
  await ada.page.getByRole("tab", { name: "Approvals" }).click();
  await ada.page.getByRole("button", { name: "Make a key in this browser" }).click();
  await ada.page.getByText("in this browser", { exact: true }).waitFor();
  await ada.page.getByRole("button", { name: "Approve with this browser's key" }).click();
  await ada.page.getByRole("alert").getByText("does not approve it").waitFor();
  await shot(ada.page, "approval-of-ones-own");
  await ada.end();

  // Bob approves what the digests are of, with a key that his browser made and cannot give away.
  const { page, end } = await as("bob", path("gate?version=2&tab=approvals"));
  await page.getByRole("button", { name: "Make a key in this browser" }).click();
  const { gate } = await api("bob", "GET", `/api/v1/deployments/${NAME}/standing/2`);
  await page.getByText(gate, { exact: true }).waitFor();
  await page.getByRole("button", { name: "Approve with this browser's key" }).click();
  await page.getByText("Your approval counts.").waitFor();
  await page.getByText("may be released", { exact: true }).waitFor();
  const isClosed = await page.evaluate(async () => {
    const database = await new Promise((done) => {
      const opening = indexedDB.open("plimsoll-approvals");
      opening.onsuccess = () => done(opening.result);
    });
    const all = await new Promise((done) => {
      const asked = database.transaction("keys").objectStore("keys").getAll();
      asked.onsuccess = () => done(asked.result);
    });
    const refused = await Promise.all(all.map(({ key }) => crypto.subtle.exportKey("pkcs8", key).then(() => false, () => true)));
    return all.length > 0 && refused.every(Boolean);
  });
  assert.ok(isClosed, "the private key cannot be exported");
  await shot(page, "approved");

  // The canary: a quarter of the traffic, held to the usual guardrails.
  for (let n = 0; n < 300; n++) assert.equal((await pay()).status, 200);
  await page.getByRole("button", { name: "Start a rollout" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Steps").selectOption("own");
  await dialog.getByLabel("Percent (0: shadow)").fill("25");
  await dialog.getByLabel("Answers").fill("100000");
  await dialog.getByLabel("Seconds").fill("3600");
  await dialog.getByRole("button", { name: "Start", exact: true }).click();
  await page.waitForURL(/rollouts\/[0-9a-f-]{36}/);
  await page.getByText("25 % of requests").first().waitFor();
  await page.getByText("Looked at every second").waitFor();
  const stop = callers(4);
  // Nobody touches anything: the page tells by itself.
  await page.getByText("Rolled back by the server: the guardrail mix decided").waitFor();
  await stop();
  await page.getByRole("row", { name: /^1 25 % .* undone here/ }).waitFor();
  await page.getByRole("region", { name: "What happened" }).getByRole("row", { name: /rolled back the server itself .*decided by mix/ }).waitFor();
  await page.getByRole("group", { name: /^Evidence against the candidate: All/ }).waitFor();
  await page.getByLabel("Guardrail").selectOption("mix");
  await page.waitForURL(/guardrail=mix/);
  await page.getByText("As a table").first().click();
  await page.getByRole("region", { name: "Evidence against the candidate: mix: As a table" }).getByRole("row").nth(5).waitFor();
  const said = await page.getByRole("region", { name: "Evidence against the candidate", exact: true }).getByRole("row", { name: /^mix/ }).textContent();
  assert.match(said, /: 1/);
  await shot(page, "rolled-back");
  await picture(page, "rollout", { themes: ["light"] });
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "PNG" }).first().click()]);
  assert.equal((await readFile(await download.path())).subarray(1, 4).toString(), "PNG");
  await release(1);
  await end();

  const list = await as("auditor", "releases?phase=rolled_back");
  await list.page.getByRole("row", { name: new RegExp(`${NAME} 1 → 2 rolled back .* mix`) }).first().waitFor();
  await list.page.getByText("Start a rollout").waitFor({ state: "detached" });
  await shot(list.page, "releases");
  await list.end();
});

test("a rollout is held, resumed and rolled back by a person, whose reasons are kept as text", async () => {
  await api("bob", "POST", `/api/v1/deployments/${NAME}/rollouts`, { version: 2, steps: [{ percent: 0, requests_min: 100000, seconds_min: 3600, seconds_max: 604800 }] });
  const { page, end } = await as("bob", path("rollouts/current"));
  await page.getByText("No answer of the candidate was compared yet.").waitFor();
  const step = async (verb, reason, said) => {
    await page.getByRole("button", { name: verb, exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Reason").fill(reason);
    await dialog.getByRole("button", { name: verb, exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("region", { name: "What happened" }).getByRole("row", { name: said }).waitFor();
  };
  await step("Hold", "lunch", /held .*lunch/);
  await page.getByText("held: person").waitFor();
  await step("Resume", "back", /resumed .*back/);
  const auditor = await as("auditor", path("rollouts/current"));
  await auditor.page.getByText("Your roles do not permit Release, RollBack").waitFor();
  assert.equal(await auditor.page.getByRole("button", { name: "Roll back" }).count(), 0);
  await step("Roll back", BAIT, /rolled back .*onerror/);
  await auditor.page.getByText(BAIT).waitFor();
  assert.equal(await auditor.page.evaluate(() => window.taken), undefined);
  assert.equal(await auditor.page.locator("main img").count(), 0);
  await auditor.end();
  assert.equal(await page.evaluate(() => window.taken), undefined);
  await end();
});

test("an exception is asked for, not allowed by who asked, allowed by another, and ended", async () => {
  const ada = await as("ada", path("gate?version=1&tab=exceptions"));
  await ada.page.getByText("Nothing is put off.").waitFor();
  await ada.page.getByRole("button", { name: "Ask for an exception" }).click();
  const dialog = ada.page.getByRole("dialog");
  await dialog.getByLabel("Puts off").selectOption("DOC-01");
  await dialog.getByLabel("Made up for by").selectOption("LED-01");
  await dialog.getByRole("textbox", { name: "Owner" }).fill("ada");
  await dialog.getByLabel("Reason").fill(BAIT);
  await dialog.getByRole("button", { name: "Ask for an exception" }).click();
  await dialog.waitFor({ state: "detached" });
  const row = ada.page.getByRole("row", { name: /DOC-01 LED-01/ });
  await row.getByText(BAIT).waitFor();
  await row.getByRole("button", { name: "Allow" }).click();
  await ada.page.getByRole("alert").waitFor();
  assert.equal(await ada.page.evaluate(() => window.taken), undefined);
  await ada.end();
  const { page, end } = await as("rita", path("gate?version=1&tab=exceptions"));
  const same = page.getByRole("row", { name: /DOC-01 LED-01/ });
  await same.getByRole("button", { name: "Allow" }).click();
  await same.getByText("counts").waitFor();
  await shot(page, "exceptions");
  await same.getByRole("button", { name: "End it" }).click();
  await page.getByText("Nothing is put off.").waitFor();
  await end();
});

test("a broken glass is loud until another person has looked", async () => {
  const { page, end } = await as("bob", path("gate?version=2&tab=exceptions"));
  await page.getByRole("button", { name: "Break the glass" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill(`outage 4711 ${BAIT}`);
  await dialog.getByRole("button", { name: "Break the glass" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("alert").getByText("THE GLASS IS BROKEN, by bob").waitFor();
  await page.getByRole("alert").getByText("outage 4711").waitFor();
  await shot(page, "glass");
  await page.getByRole("button", { name: "I looked at what was done" }).click();
  await page.getByRole("alert").nth(1).waitFor();
  await end();
  const rita = await as("rita", path("gate?version=2"));
  await rita.page.getByRole("button", { name: "I looked at what was done" }).click();
  await rita.page.getByText("THE GLASS IS BROKEN").waitFor({ state: "detached" });
  await rita.page.getByRole("tab", { name: "Exceptions" }).click();
  await rita.page.getByRole("row", { name: /outage 4711 .* rita/ }).waitFor();
  assert.equal(await rita.page.evaluate(() => window.taken), undefined);
  await rita.end();
});

test("facts are asked step by step, lead to a tier at once, and are kept; what is not known is said", async () => {
  await api("ada", "PUT", `/api/v1/deployments/${NAME}/assessment`, { facts: FACTS });
  const { page, end } = await as("ada", "compliance");
  await page.getByRole("row", { name: new RegExp(`${NAME} staging T1 light`) }).waitFor();
  await page.getByRole("row", { name: /credit-default staging not assessed/ }).getByRole("link", { name: "State the facts" }).click();
  await page.getByText("facts are not known").waitFor();
  await page.getByText("Step 1 of 5").waitFor();
  const group = (name) => page.getByRole("group", { name });
  await group("Where does it run?").getByLabel("sandbox").check();
  await group(/on behalf of a customer/).getByLabel("no", { exact: true }).check();
  await group(/really happens/).getByLabel("no", { exact: true }).check();
  await page.getByText("a sandbox without customers or live outcomes").waitFor();
  await page.getByText("T0 sandbox").first().waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.waitForURL(/step=2/);
  await group(/wrong answer do to a customer/).getByLabel("none of these").check();
  await group(/What does its answer decide/).getByLabel("credit").check();
  await shot(page, "assessment");
  for (let step = 3; step <= 5; step++) await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("Step 5 of 5").waitFor();
  await page.getByRole("button", { name: "Save the assessment" }).click();
  await page.getByText("Stated by ada").waitFor();
  const kept = await api("ada", "GET", "/api/v1/deployments/credit-default/assessment");
  assert.deepEqual([kept.facts.setting, kept.facts.harms, kept.facts.areas, kept.facts.buyers], ["sandbox", [], ["credit"], null]);
  await end();
  const reader = await as("auditor");
  await reader.page.evaluate(() => localStorage.setItem("plimsoll.settings", JSON.stringify({ language: "de" })));
  await reader.page.goto(`compliance/${NAME}`);
  await reader.page.getByText("T1 leicht").waitFor();
  await reader.page.getByText("Deine Rollen erlauben AssessDeployment nicht").waitFor();
  assert.ok(await reader.page.getByRole("group", { name: "Wo läuft es?" }).getByLabel("Produktion").isDisabled());
  // Every question that the server asks has a German text.
  const { questions } = await api("auditor", "GET", "/api/v1/gate-catalogue");
  for (let step = 1; step <= 5; step++) {
    await reader.page.goto(`compliance/${NAME}?step=${step}`);
    await reader.page.getByText(`Schritt ${step} von 5`).waitFor();
    for (const { asks } of questions) assert.equal(await reader.page.getByText(asks, { exact: true }).count(), 0, asks);
  }
  await reader.end();
});

test("models are switched off and on again, with the reason on record, and going back is proved", async () => {
  const { page, end } = await as("bob", `deployments/${NAME}?tab=releases`);
  await page.getByRole("row", { name: "Primary version 1 100 %" }).waitFor();
  await page.getByRole("button", { name: "Prove that going back works" }).click();
  await page.getByText("No request came meanwhile").waitFor();
  const stop = callers(2);
  await page.getByRole("button", { name: "Prove that going back works" }).click();
  await page.getByText(/^Rolled back in .*(µs|ms|s), with [1-9]\d* requests/).waitFor();
  await stop();
  await page.getByRole("button", { name: "Switch off" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("All models of the deployment are switched off").waitFor();
  await dialog.getByLabel("Reason").fill(`scores look wrong ${BAIT}`);
  await dialog.getByRole("button", { name: "Switch off" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("row", { name: "Primary Switched off 0 %" }).waitFor();
  await page.getByRole("row", { name: "When no model can fallback 0.02 100 %" }).waitFor();
  await shot(page, "switched-off");
  const answer = await pay();
  assert.equal(answer.status, 200, "the fallback answers");
  await page.getByRole("button", { name: "Switch on again" }).click();
  await dialog.getByLabel("Reason").fill("it was the clock");
  await dialog.getByRole("button", { name: "Switch on again" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("row", { name: "Primary version 1 100 %" }).waitFor();
  await end();
  const auditor = await as("auditor", `deployments/${NAME}?tab=history`);
  await auditor.page.getByText("scores look wrong").first().waitFor();
  assert.equal(await auditor.page.evaluate(() => window.taken), undefined);
  await auditor.end();
});

test("the overview tells of promises, releases and findings", async () => {
  const { page, end } = await as("auditor");
  const row = page.getByRole("region", { name: "Promises" }).getByRole("row", { name: new RegExp(`^${NAME} T1 light`) });
  await row.waitFor();
  // It was let in by its gate, and a guardrail's rollback is a finding.
  await row.filter({ hasText: /holdsholds\d+holdsholds$/ }).waitFor();
  await page.getByText("Releases under way").waitFor();
  const count = page.getByRole("link", { name: /^\d+\+?$/ });
  await count.first().waitFor();
  await shot(page, "overview-promises");
  await picture(page, "overview");
  await end();
});

test("a version shows its card, its signature and its files, and is compared with another", async () => {
  const { page, end } = await as("bob", `models/${NAME}?version=2`);
  await page.getByText("signed", { exact: true }).waitFor();
  await page.getByText("files looked at, nothing found").waitFor();
  await page.getByLabel("Compare with").selectOption("1");
  await page.waitForURL(/compare=1/);
  await page.getByRole("row", { name: /^Format XGBoost JSON XGBoost JSON unchanged$/ }).waitFor();
  await shot(page, "compare");
  await end();
});

test("what only people can know is stated, signed by a key of this browser, and taken back", async () => {
  const { page, end } = await as("rita", path("gate?version=2&tab=statements"));
  await page.getByText("Nobody stated anything of this deployment yet.").waitFor();
  await page.getByRole("region", { name: "What may be stated" }).getByRole("row", { name: /^CHG-01 .* version 2 approver, risk 180 days nobody/ }).waitFor();
  await page.getByRole("button", { name: "State something" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Make a key in this browser" }).click();
  await dialog.getByRole("button", { name: "Make a key in this browser" }).waitFor({ state: "detached" });
  await dialog.getByLabel("Demand").selectOption("CHG-01");
  await dialog.getByLabel("What is stated").fill(`the same features ${BAIT}`);
  await dialog.getByLabel("Is the change significant?").selectOption("no");
  await dialog.getByLabel("Document").setInputFiles({ name: "change.txt", mimeType: "text/plain", buffer: Buffer.from("what was changed") });
  await dialog.getByLabel("Days, at most 180").fill("30");
  assert.deepEqual(await findings(page), []);
  await dialog.getByRole("button", { name: "State something" }).click();
  await dialog.waitFor({ state: "detached" });
  const row = page.getByRole("region", { name: "What people stated" }).getByRole("row", { name: /^CHG-01 not significant the same features .* version 2 rita .* counts/ });
  await row.waitFor();
  assert.equal(await page.evaluate(() => window.taken), undefined);
  await shot(page, "statements");
  // It is evidence of the gate, in which it is judged with everything else.
  await page.getByRole("button", { name: "Take it back" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take it back" }).click();
  await page.getByRole("row", { name: /^CHG-01 .* taken back by rita/ }).waitFor();
  await end();
  const auditor = await as("auditor", path("gate?version=2&tab=statements"));
  await auditor.page.getByText("None of these is for your roles to state.").waitFor();
  assert.equal(await auditor.page.getByRole("button", { name: "State something" }).count(), 0);
  await auditor.end();
});

for (const colorScheme of ["light", "dark"]) {
  test(`pages of releases and governance are accessible (${colorScheme})`, async () => {
    const { items } = await api("auditor", "GET", `/api/v1/deployments/${NAME}/rollouts`);
    const ended = items.find(({ phase, candidates }) => phase === "rolled_back" && candidates > 0) ?? items[0];
    const pages = ["", "releases", path(`rollouts/${ended.id}`), path("gate?version=2"), "compliance", `compliance/${NAME}`, `compliance/${NAME}?step=4`, `deployments/${NAME}?tab=releases`, `models/${NAME}?version=1&compare=2`];
    const found = [];
    const { page, end } = await as("bob", "", { colorScheme });
    for (const one of pages) {
      await page.goto(one);
      await page.locator("h1").first().waitFor();
      await settled(page);
      found.push(...(await findings(page)).map((finding) => `${one}: ${finding}`));
      if (!one.includes("gate")) continue;
      for (const tab of ["Against the incumbent", "Approvals", "Statements", "Exceptions", "Gate results"]) {
        await page.getByRole("tab", { name: tab }).click();
        await settled(page);
        found.push(...(await findings(page)).map((finding) => `${one} ${tab}: ${finding}`));
      }
    }
    await page.goto(path("gate?version=2"));
    await page.getByRole("button", { name: "Start a rollout" }).click();
    await page.getByRole("dialog").waitFor();
    found.push(...(await findings(page)).map((finding) => `dialog: ${finding}`));
    await end();
    assert.deepEqual(found, []);
  });
}
