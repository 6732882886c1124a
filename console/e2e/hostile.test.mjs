// What callers and users can store, shown on every page that shows it: text, never markup or script.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, as, CONSOLE, key } from "./harness.mjs";

const BAIT = `"><img src=x onerror="window.taken=1"><script>window.taken=1</script>`;
/** As short as names of fields may be. */
const FIELD = `<img src=x onerror=window.taken=1>`;

/** A deployment of decisions made elsewhere, whose contract is hostile through and through. */
async function furnished() {
  const field = (name, kind, more = {}) => ({ name, kind, description: BAIT, class: "none", ...more });
  const contract = { version: 1, features: [field(FIELD, "string", { max_length: 200 }), field("size", "number", { unit: FIELD })] };
  const made = await api("ml-engineer", "POST", "/api/v1/contracts", contract);
  await api("data-scientist", "POST", "/api/v1/models", { name: "hostile-model", description: BAIT }).catch(() => {});
  await api("ml-engineer", "POST", "/api/v1/deployments", {
    name: "hostile",
    model: "credit",
    contract: made.digest,
    environment: "production",
    owner: BAIT,
    observe: true,
  });
  const observed = { source: BAIT, id: BAIT.slice(0, 60), inputs: { [FIELD]: BAIT, size: 3 }, outputs: { score: [0.5] } };
  const answer = await fetch(`${CONSOLE}/api/v1/deployments/hostile/observations`, {
    method: "POST",
    headers: { authorization: `Bearer ${key("caller")}`, "content-type": "application/json" },
    body: JSON.stringify(observed),
  });
  const said = await answer.json();
  assert.ok(answer.ok, JSON.stringify(said));
  return said.items[0].decision;
}

test("nothing that somebody stored runs in anybody's browser", async () => {
  const id = await furnished();
  await api("reviewer", "POST", `/api/v1/decisions/${id}/contest`, { reason: BAIT });
  const pages = {
    auditor: ["", "deployments", "deployments/hostile", "deployments/hostile?tab=contract", "deployments/hostile?tab=history", "deployments/hostile?tab=live", "deployments/hostile?tab=releases", "deployments/hostile/gate", "compliance", "compliance/hostile", "releases", "decisions?deployment=hostile&range=all", `decisions/${id}`, "reviews", "ledger", "models", "query", `decisions?deployment=${encodeURIComponent(BAIT)}`, `deployments/${encodeURIComponent(BAIT)}`],
    admin: ["access"],
    dpo: ["subjects"],
  };
  let shown = 0;
  for (const [role, paths] of Object.entries(pages)) {
    const { page, end } = await as(role);
    for (const path of paths) {
      await page.goto(path);
      await page.locator("h1").first().waitFor();
      await page.locator(".skeleton").first().waitFor({ state: "detached" }).catch(() => {});
      for (const tab of await page.getByRole("tab").all()) await tab.click();
      shown += (await page.getByText("onerror=").count()) > 0 ? 1 : 0;
      assert.equal(await page.evaluate(() => window.taken), undefined, `${role}: ${path}`);
      assert.equal(await page.locator("main img").count(), 0, `${role}: ${path}`);
    }
    await end();
  }
  assert.ok(shown >= 3, `the bait was shown on ${shown} pages only: the test looks past it`);
});
