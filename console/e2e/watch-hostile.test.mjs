// What findings, columns, slices, owners and datasets may be called, on every page that shows it: text.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, as, CONSOLE, key } from "./harness.mjs";

const BAIT = `"><img src=x onerror="window.taken=1"><script>window.taken=1</script>`;
const FIELD = `<img src=x onerror=window.taken=1>`;

async function put(path, text) {
  const answer = await fetch(`${CONSOLE}${path}`, { method: "PUT", headers: { authorization: `Bearer ${key("ml-engineer")}`, "content-type": "application/octet-stream" }, body: text });
  assert.ok(answer.ok, await answer.text());
}

async function furnished() {
  const contract = {
    version: 1,
    features: [
      { name: FIELD, kind: "category", values: [BAIT, "plain"], class: "none" },
      { name: "size", kind: "number", class: "none" },
    ],
    map: { slices: [{ field: FIELD }] },
  };
  const made = await api("ml-engineer", "POST", "/api/v1/contracts", contract);
  await api("ml-engineer", "POST", "/api/v1/deployments", { name: "hostile-watch", model: "credit", contract: made.digest, environment: "staging", owner: BAIT, observe: true });
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  const rows = Array.from({ length: 240 }, (_, n) => `${quoted(n % 2 ? "plain" : BAIT)},${n}`);
  await put("/api/v1/deployments/hostile-watch/reference?format=csv&window_rows=40&min_rows=20&origin=" + encodeURIComponent(BAIT), [`${quoted(FIELD)},size`, ...rows].join("\n"));
  await new Promise((done) => setTimeout(done, 1200));
  for (let n = 0; n < 60; n++) {
    const answer = await fetch(`${CONSOLE}/api/v1/deployments/hostile-watch/observations`, {
      method: "POST",
      headers: { authorization: `Bearer ${key("caller")}`, "content-type": "application/json" },
      body: JSON.stringify({ source: "test", id: `w${n}`, inputs: { [FIELD]: BAIT, size: n }, outputs: { score: [0.5] } }),
    });
    assert.ok(answer.ok, await answer.text());
  }
  return api("ml-engineer", "POST", "/api/v1/findings", { deployment: "hostile-watch", kind: "quality", severity: "critical", about: BAIT, slice: BAIT, text: BAIT, numbers: { [FIELD]: 1 } });
}

test("nothing that watching shows runs in anybody's browser", async () => {
  const { id } = await furnished();
  await api("ml-engineer", "POST", `/api/v1/findings/${id}/assign`, { to: BAIT });
  await api("ml-engineer", "POST", "/api/v1/deployments/hostile-watch/alerting", { runbooks: { quality: "javascript:window.taken=1" } }).catch(() => {});
  await api("ml-engineer", "POST", `/api/v1/findings/${id}/acknowledge`, { note: BAIT });
  const column = encodeURIComponent(FIELD);
  for (let n = 0; n < 50; n++) {
    const { items } = await api("auditor", "GET", "/api/v1/deployments/hostile-watch/monitoring/windows");
    if (items.length > 0) break;
    await new Promise((done) => setTimeout(done, 200));
  }
  const pages = ["findings", "findings?tab=sent", `findings/${id}`, `findings?owner=${encodeURIComponent(BAIT)}`, `deployments/hostile-watch?tab=monitoring&column=${column}`, `deployments/hostile-watch?tab=performance&by=${column}`, `deployments/hostile-watch?tab=fairness&by=${column}`, "retrains", "lineage?at=deployment:hostile-watch", `lineage?at=${encodeURIComponent(`source:${BAIT}`)}`, "datasets", `datasets/${encodeURIComponent(BAIT)}`, "ledger"];
  const { page, end } = await as("auditor");
  let shown = 0;
  for (const path of pages) {
    await page.goto(path);
    await page.locator("main h1, main [role=alert]").first().waitFor();
    await page.locator(".skeleton").first().waitFor({ state: "detached" }).catch(() => {});
    const explain = page.getByRole("button", { name: "Explain the last window" });
    if (await explain.count()) {
      await explain.click();
      await page.getByRole("button", { name: "Explain again" }).or(page.locator("main [role=alert]")).first().waitFor();
    }
    for (const more of await page.locator("details > summary").all()) await more.click();
    shown += (await page.getByText("onerror=").count()) > 0 ? 1 : 0;
    assert.equal(await page.evaluate(() => window.taken), undefined, path);
    assert.equal(await page.locator("main img").count(), 0, path);
    assert.equal(await page.locator("main a[href^='javascript']").count(), 0, path);
  }
  await end();
  assert.ok(shown >= 4, `the bait was shown on ${shown} pages only: the test looks past it`);
});
