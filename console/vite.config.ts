import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` shows a running server's data: PLIMSOLL_URL says where it is.
const server = process.env["PLIMSOLL_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  // No inlined assets: the policy of the pages allows files of our own only.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: "es2022" },
  test: { include: ["src/**/*.test.ts"] },
  server: { proxy: { "/api": server, "/ledger": server, "/v2": server } },
});
