// Every page, in both themes: nothing that axe-core finds serious, no complaint of the browser,
// nothing loaded from elsewhere, and a first paint within a second on a slow machine.
import assert from "node:assert/strict";
import { test } from "node:test";
import { as, decide, findings, opened } from "./harness.mjs";

const PAGES = {
  "": "Overview",
  deployments: "Deployments",
  "deployments/credit-default": "credit-default",
  decisions: "Decisions",
  releases: "Releases",
  experiments: "Experiments",
  compliance: "Compliance",
  reviews: "Reviews",
  models: "Models",
  "models/credit": "credit",
  access: "Access",
  ledger: "Ledger",
  subjects: "Subjects",
  settings: "Settings",
};
const TABS = { access: ["Keys", "Matrix", "Why", "Policies"], reviews: ["Effect"] };
const DECISION_TABS = ["Explanation", "How it came to be", "Receipt", "Review"];

async function settled(page) {
  await page.locator(".skeleton").first().waitFor({ state: "detached" }).catch(() => {});
}

for (const colorScheme of ["light", "dark"]) {
  test(`every page is accessible (${colorScheme})`, async () => {
    const { id } = await decide();
    const asked = [
      ["admin", PAGES],
      ["auditor", { [`decisions/${id}`]: "Decision", ...Object.fromEntries(["live", "contract", "history"].map((tab) => [`deployments/credit-default?tab=${tab}`, "credit-default"])) }],
      ["dpo", { subjects: "Subjects", query: "Query" }],
    ];
    const tabs = { ...TABS, [`decisions/${id}`]: DECISION_TABS };
    const found = [];
    for (const [role, pages] of asked) {
      const { page, end } = await as(role, "", { colorScheme });
      for (const [path, title] of Object.entries(pages)) {
        await page.goto(path);
        await page.getByRole("heading", { name: title, exact: true }).first().waitFor();
        await settled(page);
        found.push(...(await findings(page)).map((finding) => `${path}: ${finding}`));
        for (const tab of tabs[path] ?? []) {
          await page.getByRole("tab", { name: tab }).click();
          await settled(page);
          found.push(...(await findings(page)).map((finding) => `${path} ${tab}: ${finding}`));
        }
      }
      await end();
    }
    assert.deepEqual(found, []);
  });
}

test("signing in is accessible, and narrow screens show everything", async () => {
  const { page, end } = await opened({ viewport: { width: 780, height: 1000 } });
  await page.goto("");
  await page.getByLabel("API key").waitFor();
  assert.deepEqual(await findings(page), []);
  await end();
  const narrow = await as("admin", "decisions", { viewport: { width: 780, height: 1000 } });
  await narrow.page.getByRole("heading", { name: "Decisions" }).waitFor();
  const overflow = await narrow.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${overflow} px stand out`);
  await narrow.end();
});

test("a page that is not accessible is found", async () => {
  const { page, end } = await as("admin");
  await page.evaluate(() => document.querySelector("main").append(document.createElement("img")));
  assert.match((await findings(page)).join(), /image-alt/);
  await end();
});
