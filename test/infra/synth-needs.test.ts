import { describe, expect, it } from "vitest";
import { FUNCTION_LINKS, LINK_NAMES } from "../../infra/links.ts";
import type { LinkName } from "../../infra/links.ts";
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
  [/\bpayloads\.(get|put)\(/, "Payloads"],
  [/\.tasksReady\(/, "DispatchQueue"],
  [/\.wakeSweep\(/, "WakeQueue"],
  [/\bheartbeatUrl\b/, "HeartbeatEndpoint"],
];

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
