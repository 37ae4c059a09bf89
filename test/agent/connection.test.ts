import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { findConnection } from "../../agent/connection.ts";
import { scratchDirectory } from "../fixtures/scratch.ts";

const LOCAL = { url: "http://127.0.0.1:4000", adminKey: "local-key" };

/** A directory two levels below one that holds credentials. */
function nested(content: string = JSON.stringify(LOCAL)): string {
  const root = scratchDirectory();
  const below = path.join(root, "a", "b");
  mkdirSync(below, { recursive: true });
  mkdirSync(path.join(root, ".shim"));
  writeFileSync(path.join(root, ".shim", "credentials.json"), content);
  return below;
}

test("options win over the environment, which wins over the local server's file", () => {
  const env = { SHIM_URL: "http://env", SHIM_KEY: "env-key" };
  expect(findConnection({ url: "http://option", key: "option-key" }, env, nested())).toEqual({
    url: "http://option",
    key: "option-key",
  });
  expect(findConnection({}, env, nested())).toEqual({ url: "http://env", key: "env-key" });
  expect(findConnection({}, {}, nested())).toEqual({ url: LOCAL.url, key: LOCAL.adminKey });
});

test("the local server's key is never used for another server", () => {
  expect(() => findConnection({ url: "https://elsewhere.example" }, {}, nested())).toThrow("No key");
  expect(findConnection({ url: `${LOCAL.url}/` }, {}, nested()).key).toBe(LOCAL.adminKey);
});

test("without any of them the message says all three ways", () => {
  expect(() => findConnection({}, {}, scratchDirectory())).toThrow(
    /--url and --key.*SHIM_URL and SHIM_KEY.*npm start/,
  );
});

test("a damaged file and a URL that is none are named", () => {
  expect(() => findConnection({}, {}, nested("{"))).toThrow("credentials.json is not");
  expect(() => findConnection({ url: "ftp://x", key: "k" }, {}, "/")).toThrow("not an http or https URL");
});
