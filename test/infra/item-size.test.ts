import { expect, it } from "vitest";
import { indexWriteUnits, itemBytes, readUnits, writeUnits } from "../../infra/cost/item-size.ts";

const open = (openPk: string) => ({
  pk: { S: "a" },
  sk: { S: "b" },
  openPk: { S: openPk },
  openSk: { S: "d" },
});

it.each([
  ["text by its UTF-8 bytes, and the name", { name: { S: "é" } }, 6],
  ["a number by two digits a byte, and one", { n: { N: "12345" } }, 5],
  ["the sign of a number", { n: { N: "-12" } }, 4],
  ["no zeros around a number", { n: { N: "001200" } }, 3],
  ["a flag and a null", { a: { BOOL: true }, b: { NULL: true } }, 4],
  ["bytes, not their base64", { b: { B: Buffer.from("abc").toString("base64") as never } }, 4],
  ["a set by its members", { s: { SS: ["ab", "c"] } }, 4],
  ["a list with 3, and 1 for each element", { l: { L: [{ S: "a" }, { S: "b" }] } }, 8],
  ["a map with 3, and 1 for each element", { m: { M: { k: { S: "v" } } } }, 7],
])("counts %s", (_, item, bytes) => {
  expect(itemBytes(item)).toBe(bytes);
});

it("bills a write by the larger of what was there and what is there", () => {
  const [small, large] = [{ t: { S: "x" } }, { t: { S: "x".repeat(2_048) } }];
  expect([writeUnits(null, small), writeUnits(large, small), writeUnits(small, large)]).toEqual([1, 3, 3]);
});

it("bills the index for an entry that comes, goes or moves, and not for one that stays", () => {
  expect(indexWriteUnits(null, open("c"))).toBe(1);
  expect(indexWriteUnits(open("c"), { pk: { S: "a" }, sk: { S: "b" } })).toBe(1);
  expect(indexWriteUnits(open("c"), open("e"))).toBe(2);
  expect(indexWriteUnits(open("c"), { ...open("c"), other: { S: "x" } })).toBe(0);
});

it("bills a read by 4 KB, and half if it may be a moment old", () => {
  expect([readUnits(0, true), readUnits(4_096, true), readUnits(4_097, true), readUnits(10, false)]).toEqual([
    1, 1, 2, 0.5,
  ]);
});
