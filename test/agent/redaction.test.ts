import { describe, expect, test } from "vitest";
import { redact, redactDeep } from "../../shared/redaction/redact.ts";
import { lookAlikes, plantedSecrets } from "./redaction-corpus.ts";

const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1);

describe("secrets", () => {
  test("the corpus has at least 60, all different", () => {
    const planted = plantedSecrets(1);
    expect(new Set(planted.map(({ secret }) => secret)).size).toBe(planted.length);
    expect(planted.length).toBeGreaterThanOrEqual(60);
    // A secret that is not in its text would never be found in what is sent.
    expect(planted.filter(({ text, secret }) => !text.includes(secret))).toEqual([]);
  });

  test.each(SEEDS)("none is left in a text (seed %i)", (seed) => {
    const left = plantedSecrets(seed).filter(({ text, secret }) => redact(text).includes(secret));
    expect(left.map(({ name, text }) => `${name}: ${redact(text)}`)).toEqual([]);
  });

  test("what stands around a secret stays", () => {
    for (const { name, text, secret } of plantedSecrets(1)) {
      const at = text.indexOf(secret);
      const before = text.slice(0, at).split(/\s/)[0] ?? "";
      if (!before.includes("-----BEGIN") && !text.includes("-----END"))
        expect(redact(text).startsWith(before.slice(0, 3)), name).toBe(true);
      expect(redact(text), name).toMatch(/\[redacted:[a-z0-9-]+\]/);
    }
  });

  test("a redacted text is its own redaction", () => {
    for (const { text } of plantedSecrets(2)) expect(redact(redact(text))).toBe(redact(text));
  });

  test("none is left among others on one line, or many lines", () => {
    for (const separator of [" ", "\n", ", ", '","', "\\n", ";"]) {
      const planted = plantedSecrets(3);
      const result = redact(planted.map(({ text }) => text).join(separator));
      const left = planted.filter(({ secret }) => result.includes(secret)).map(({ name }) => name);
      expect(left, JSON.stringify(separator)).toEqual([]);
    }
  });
});

test.each([
  "\\\\n",
  "\\\\\\\\n",
  "\\\\u0022",
  "%22",
  "\\u001b[32m",
  "\\\\t",
  ">",
  "@",
  "=",
  '"',
  "+",
  "\n-",
  "\\n+ ",
])("none is left right behind %j", (before) => {
  const glued = plantedSecrets(5).map(({ name, text, secret }) => {
    const bare = text.startsWith("run it with ") ? secret : text;
    return {
      name,
      secret,
      result: redact(`said:${before}${bare.replaceAll("\\n", before.includes("n") ? before : "\\n")}`),
    };
  });
  expect(glued.filter(({ secret, result }) => result.includes(secret)).map(({ name }) => name)).toEqual([]);
});

describe("look-alikes", () => {
  test.each(SEEDS)("at least 55 of 60 survive, and as many of more (seed %i)", (seed) => {
    const all = lookAlikes(seed);
    expect(all.length).toBeGreaterThanOrEqual(60);
    const changed = all.filter((text) => redact(text) !== text).map((text) => `${text} -> ${redact(text)}`);
    if (changed.length > 0) console.info(`seed ${seed}: ${changed.join("\n")}`);
    expect(changed.length / all.length, changed.join("\n")).toBeLessThanOrEqual(5 / 60);
  });
});

describe("values", () => {
  const [first, second] = plantedSecrets(4).map(({ secret }) => secret);

  test("texts, keys and values by the name of their key are redacted, and nothing else", () => {
    const value = {
      list: [first, 7, null, true, { deep: `x ${second}` }],
      [String(first)]: 1,
      password: "tr0ub4dor&3x",
      env: [{ name: "DB_PASSWORD", value: "tr0ub4dor&3x" }],
      args: ["--token", "a8f3k2m9c7d1e5"],
      count: 12,
    };
    expect(redactDeep(value)).toEqual({
      list: ["[redacted:aws-key]", 7, null, true, { deep: "x [redacted:aws-key]" }],
      "[redacted:aws-key]": 1,
      password: "[redacted:secret]",
      env: [{ name: "DB_PASSWORD", value: "[redacted:secret]" }],
      args: ["--token", "[redacted:secret]"],
      count: 12,
    });
  });

  test("keys that were told apart by their secrets are still two", () => {
    expect(redactDeep({ [String(first)]: 1, [String(second)]: 2 })).toEqual({
      "[redacted:aws-key]": 1,
      "[redacted:aws-key]#2": 2,
    });
  });

  test("a value deeper than any request may be is not followed", () => {
    let deep: unknown = first;
    for (let depth = 0; depth < 50_000; depth += 1) deep = [deep];
    expect(JSON.stringify(redactDeep(deep))).toContain("too-deep");
  });
});

describe("time", () => {
  const BYTES = 5_000_000;
  /** Each made quadratic time of a pattern of this kind somewhere, or would. */
  const pieces = [
    "a",
    "token",
    "token=",
    "token:token",
    'password = "',
    "a@",
    "://a:",
    "://a:b@",
    "eyJ",
    "eyJaaaaaaaa.eyJ",
    `-----BEGIN PRIVATE KEY-----`,
    `-----END PRIVATE KEY-----`,
    `${"A".repeat(7_999)}!-----END PRIVATE KEY-----`,
    "--token ",
    "Bearer a",
    "machine a login ",
    "mysql ",
    "cookie: a=",
    "sk-",
    "SG.",
    "$2a$",
    "-u a:",
    "\\",
    '"',
    "passw",
    "LS0tLS1CRUdJTi",
    "Private-Lines: 1\n",
    "password\n value:",
    `token:${"a".repeat(999)} `,
    `eyJ${"aB3".repeat(100_000)}_`,
    "const token = getToken(a1);\n",
  ];

  // A quadratic pattern takes minutes for these. Time of the processor: a busy machine is no slow pattern.
  test.each(pieces.map((piece) => [piece.slice(0, 30), piece]))(
    "5 MB of %j take seconds at most",
    (_name, piece) => {
      const text = piece.repeat(Math.ceil(BYTES / piece.length));
      const began = performance.now();
      redact(text);
      expect(performance.now() - began).toBeLessThan(8_000);
    },
  );
});
