// After the build: compresses what a browser loads, and holds the first load to its bound.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
/** The most compressed JavaScript that the entry page may load, in bytes. */
const MAX_ENTRY = 350 * 1024;
/** Smaller files are not worth a second form. */
const MIN_SIZE = 1024;

const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(html|js|css|svg)$/.test(entry.name))
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
const compressed = new Map();
for (const file of files) {
  const bytes = readFileSync(file);
  if (bytes.length < MIN_SIZE) continue;
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const br = brotliCompressSync(bytes, { params });
  writeFileSync(`${file}.br`, br);
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  compressed.set(file, br.length);
}
const index = readFileSync(join(dist, "index.html"), "utf8");
const entry = [...index.matchAll(/(?:src|href)="\/console\/(assets\/[^"]+\.js)"/g)].map((m) => join(dist, m[1]));
const size = entry.reduce((sum, file) => sum + (compressed.get(file) ?? readFileSync(file).length), 0);
console.log(`first load: ${(size / 1024).toFixed(1)} KiB of compressed JavaScript in ${entry.length} files (at most ${MAX_ENTRY / 1024})`);
if (entry.length === 0 || size > MAX_ENTRY) {
  rmSync(dist, { recursive: true });
  console.error("the console's first load is beyond its bound");
  process.exit(1);
}
