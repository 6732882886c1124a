// What moves, what is undone, and what is tried out.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { api, as, decide, shot } from "./harness.mjs";

const breach = () => {
  const request = JSON.parse(process.env.PLIMSOLL_REQUEST);
  request.inputs.find(({ name }) => name === "age").data = [17];
  return JSON.stringify(request);
};

test("a deployment is watched as decisions pass it, breaches of its contract among them", async () => {
  const { page, end } = await as("auditor", "deployments/credit-default?tab=live");
  await page.getByText("live", { exact: true }).waitFor();
  for (let n = 0; n < 12; n++) await decide();
  assert.equal((await decide(breach())).status, 400);
  await page.getByRole("region", { name: "Refused, and why" }).getByRole("row", { name: /^validate out_of_range age \d+/ }).waitFor();
  await page.getByRole("region", { name: "Refused last" }).getByText("validate").first().waitFor();
  await page.getByRole("region", { name: "Time by phase, last minute" }).getByRole("row", { name: /^predict/ }).waitFor();
  await page.getByRole("img", { name: "What the model answers" }).waitFor();
  await page.getByRole("button", { name: /Version \d+: answered/ }).first().waitFor();
  await page.getByText(/^([4-9]|\d\d+) s shown$/).waitFor();
  // The keyboard reads a chart point by point; a table holds the same.
  const chart = page.getByRole("group", { name: /^Decisions per second/ });
  await chart.focus();
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("button", { name: /Version \d+: answered \d+/ }).first().waitFor();
  await page.keyboard.press("+");
  await page.getByRole("button", { name: "Everything" }).first().click();
  await page.getByText("As a table").first().click();
  await page.getByRole("region", { name: "Decisions per second: As a table" }).waitFor();
  await shot(page, "live");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "PNG" }).first().click()]);
  assert.equal((await readFile(await download.path())).subarray(1, 4).toString(), "PNG");
  await end();
});

test("a stream ends with the key it was opened with", async () => {
  const made = await api("admin", "POST", "/api/v1/keys", { name: "watcher", principal: "auditor" });
  process.env.KEY_WATCHER = made.secret;
  const { page, end } = await as("watcher", "deployments/credit-default?tab=live");
  await page.getByText("live", { exact: true }).waitFor();
  await api("admin", "DELETE", `/api/v1/keys/${made.key.id}`);
  await page.getByLabel("API key").waitFor();
  await end();
});

test("a version is rolled back at once, and the reason is kept", async () => {
  const now = async () => (await api("auditor", "GET", "/api/v1/deployments/credit-default")).released.number;
  if ((await now()) !== 2) await api("approver", "POST", "/api/v1/deployments/credit-default/release", { version: 2 });
  const { page, end } = await as("approver", "deployments/credit-default");
  await page.getByRole("button", { name: "Roll back" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Version 2 stops answering").waitFor();
  const reason = `<script>document.title='taken'</script> scores drift`;
  await dialog.getByLabel("Reason").fill(reason);
  await dialog.getByRole("button", { name: "Roll back" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal(await now(), 1);
  await end();
  const auditor = await as("auditor", "deployments/credit-default?tab=history");
  await auditor.page.getByText(reason).first().waitFor();
  assert.notEqual(await auditor.page.title(), "taken");
  await shot(auditor.page, "history");
  await auditor.end();
});

test("other policies are tried out: what is wrong is told, what would change is listed, nothing changes", async () => {
  const { page, end } = await as("admin", "access");
  await page.getByRole("tab", { name: "Policies" }).click();
  await page.getByLabel("Try a change").check();
  const caller = page.getByLabel("caller.cedar");
  const before = await caller.inputValue();
  await caller.fill(`${before}\nforbid (principal,`);
  await page.getByRole("button", { name: "What would change" }).click();
  await page.getByRole("alert").getByText("caller.cedar").waitFor();
  await caller.fill(`${before}\n@id("no-more-answers")\n@why("for a test")\nforbid (principal, action == Plimsoll::Action::"Infer", resource);`);
  await page.getByRole("button", { name: "What would change" }).click();
  await page.getByRole("row", { name: "caller Infer deployment/credit-default permit forbid" }).waitFor();
  await shot(page, "policies");
  assert.equal((await decide()).status, 200);
  await page.getByRole("button", { name: "Undo all" }).click();
  assert.equal(await caller.inputValue(), before);
  await end();
});

test("a decision is saved whole, and keys of the keyboard lead on", async () => {
  const { id } = await decide();
  const { page, end } = await as("auditor", `decisions/${id}`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save as JSON" }).click()]);
  assert.equal(JSON.parse(await readFile(await download.path(), "utf8")).decision.summary.id, id);
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("l");
  await page.getByRole("heading", { name: "Ledger", exact: true }).first().waitFor();
  await end();
});

test("the person of a decision is erased from its page", async () => {
  const request = JSON.parse(process.env.PLIMSOLL_REQUEST);
  request.inputs.find(({ name }) => name === "customer_id").data = ["C777002"];
  const { id } = await decide(JSON.stringify(request));
  const { page, end } = await as("dpo", `decisions/${id}`);
  await page.getByRole("button", { name: "Erase the person" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Subject").fill("C777002");
  await dialog.getByLabel("Reason").fill("asked by letter");
  await dialog.getByRole("button", { name: "Erase", exact: true }).click();
  await page.getByText("The values are not shown").waitFor();
  await end();
});

test("a first look round leads through five pages, and is not offered again", async () => {
  const { page, end } = await as("admin");
  await page.route("**/api/v1/session", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), dev: true } });
  });
  await page.reload();
  await page.getByText("A first look: 1 of 5").waitFor();
  for (let n = 2; n <= 5; n++) {
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText(`A first look: ${n} of 5`).waitFor();
  }
  await page.getByRole("button", { name: "Done" }).click();
  await page.reload();
  await page.getByRole("heading", { name: "Access" }).waitFor();
  assert.equal(await page.getByText("A first look").count(), 0);
  await end();
});
