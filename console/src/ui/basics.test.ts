import { expect, test } from "vitest";
import { type Column, csv } from "./basics";

const columns: Column<[string, string]>[] = [
  { name: "a", cell: () => null, text: ([a]) => a },
  { name: "not held", cell: () => null },
  { name: "b", cell: () => null, text: ([, b]) => b },
];

test("rows are CSV, and no cell is a formula", () => {
  expect(csv([["x", 'say "hi", twice']], columns)).toBe('a,b\r\nx,"say ""hi"", twice"');
  expect(csv([["=1+1", "-3.5"]], columns)).toBe("a,b\r\n'=1+1,-3.5");
  expect(csv([["@SUM(A1)", "-x"]], columns)).toBe("a,b\r\n'@SUM(A1),'-x");
});
