import { describe, expect, it } from "vitest";
import { storedWith, viewsOf } from "./views";

describe("views", () => {
  it("are kept apart by person and page", () => {
    let store: string | null = null;
    store = storedWith(store, "ada", "/decisions", [{ name: "refused", rest: "?result=refused" }]);
    store = storedWith(store, "bob", "/decisions", [{ name: "all", rest: "" }]);
    store = storedWith(store, "ada", "/findings", [{ name: "mine", rest: "?owner=ada" }]);
    expect(viewsOf(store, "ada", "/decisions")).toEqual([{ name: "refused", rest: "?result=refused" }]);
    expect(viewsOf(store, "bob", "/decisions")).toEqual([{ name: "all", rest: "" }]);
    expect(viewsOf(store, "bob", "/findings")).toEqual([]);
  });
  it("are none if something else stands there", () => {
    for (const store of [null, "", "{", "[]", '{"ada":{"/decisions":7}}', '{"ada":{"/decisions":[{"name":"x"},{"name":"y","rest":"//elsewhere.example"}]}}']) {
      expect(viewsOf(store, "ada", "/decisions")).toEqual([]);
    }
    expect(viewsOf(storedWith("{", "ada", "/", [{ name: "n", rest: "#a" }]), "ada", "/")).toHaveLength(1);
  });
});
