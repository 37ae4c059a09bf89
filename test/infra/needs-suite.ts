import { describe, expect, it, onTestFinished } from "vitest";
import { FUNCTION_LINKS, LINK_NAMES } from "../../infra/links.ts";
import type { LinkName } from "../../infra/links.ts";
import { publishLinks } from "../../infra/local/links.ts";
import { FUNCTIONS } from "../../infra/routes.ts";
import type { FunctionName } from "../../infra/routes.ts";
import { bundledCode, usedCode } from "./synth-code.ts";

// A function without a link that its code comes to need fails only in the cloud, and only when that code runs, if
// the embedded cloud is more generous. Two handlers once asked for the root key and had none.

const NAMES = Object.keys(FUNCTIONS) as FunctionName[];
/** What a call in a handler or an operation needs the function to be linked to. */
const NEEDS: readonly (readonly [call: RegExp, link: LinkName])[] = [
  [/\blink\("RootKey"/, "RootKey"],
  [/\bsigningKeys\b/, "TokenKeys"],
  [/\brecord\.\w+\./, "Record"],
  [/\b(payloads\.(get|put|close)|checkpoints\.(putBody|body|release))\(/, "Payloads"],
  [/\.tasksReady\(/, "DispatchQueue"],
  [/\.wakeSweep\(/, "WakeQueue"],
  [/\bheartbeatUrl\b/, "HeartbeatEndpoint"],
  [/\btuningPorts\b/, "StatsigServerKey"],
  [/\bnightPorts\b/, "StatsigConsoleKey"],
];

/** That every function is linked to what its code needs, and to nothing else. */
export function needsSuite(): void {
  describe.each(NAMES)("%s", (name) => {
    it("is linked to Redis and to exactly what its handler and operations use", async () => {
      const code = await usedCode(name);
      const needed = NEEDS.filter(([call]) => call.test(code)).map(([, link]) => link);
      expect([...FUNCTION_LINKS[name]].toSorted()).toEqual(["Redis", ...needed].toSorted());
    });

    it("reads only links and properties that exist", async () => {
      const ours = [...(await bundledCode(name))].filter(([file]) => !file.includes("node_modules"));
      const reads = ours.flatMap(([, code]) => [...code.matchAll(/\blink\("(\w+)", "(\w+)"\)/g)]);
      expect(reads.length).toBeGreaterThan(0);
      const known = Object.entries(LINK_NAMES).flatMap(([link, names]) =>
        names.map((property) => `${link}.${property}`),
      );
      for (const [, link, property] of reads) expect(known).toContain(`${link ?? ""}.${property ?? ""}`);
    });
  });

  it("the embedded cloud sets the links that the stack deploys, property for property", () => {
    const before = { ...process.env };
    onTestFinished(() => {
      // Not replaced: the next file of this process needs the real one.
      for (const name of Object.keys(process.env))
        if (!(name in before)) Reflect.deleteProperty(process.env, name);
      Object.assign(process.env, before);
    });
    const values = Object.entries(LINK_NAMES).map(([link, names]) => [
      link,
      Object.fromEntries(names.map((name) => [name, "x"])),
    ]);
    publishLinks(Object.fromEntries(values) as Parameters<typeof publishLinks>[0], {
      dynamo: "x",
      queuesAndObjects: "x",
    });
    const set = Object.keys(process.env).filter((name) => name.startsWith("SST_RESOURCE_"));
    expect(set.toSorted()).toEqual(
      ["App", ...Object.keys(LINK_NAMES)].map((link) => `SST_RESOURCE_${link}`).toSorted(),
    );
    for (const [link, names] of Object.entries(LINK_NAMES)) {
      const value = JSON.parse(process.env[`SST_RESOURCE_${link}`] ?? "{}") as object;
      expect(Object.keys(value)).toEqual(names);
    }
  });
}
