import type { AttributeValue } from "@aws-sdk/client-dynamodb";

export type Item = Readonly<Record<string, AttributeValue>>;

/** Bytes of a write unit and of a read unit of DynamoDB. */
export const WRITE_UNIT_BYTES = 1_024;
export const READ_UNIT_BYTES = 4_096;

/** Keys of the one index, `open`, which projects nothing else (infra/table.ts). */
const INDEX_KEYS = ["openPk", "openSk"] as const;
const TABLE_KEYS = ["pk", "sk"] as const;

/** What a list or a map adds, and each of its elements. */
const CONTAINER_BYTES = 3;
const ELEMENT_BYTES = 1;

/**
 * The size that DynamoDB bills an item by, in bytes.
 *
 * @see AWS, "DynamoDB item sizes and formats", Amazon DynamoDB Developer Guide
 */
export function itemBytes(item: Item): number {
  return Object.entries(item).reduce((bytes, [name, value]) => bytes + text(name) + valueBytes(value), 0);
}

const text = (value: string) => Buffer.byteLength(value);
const sum = <T>(values: readonly T[], bytes: (value: T) => number) =>
  values.reduce((total, value) => total + bytes(value), 0);

/** A number takes a byte for each two significant digits, and one more. */
function numberBytes(value: string): number {
  const digits = value
    .replace(/^-/, "")
    .replace(/e.*$/i, "")
    .replace(".", "")
    .replace(/^0+|0+$/g, "");
  return Math.ceil(digits.length / 2) + 1 + (value.startsWith("-") ? 1 : 0);
}

function valueBytes(value: AttributeValue): number {
  if (value.S !== undefined) return text(value.S);
  if (value.N !== undefined) return numberBytes(value.N);
  // As they are on the wire: base64.
  if (value.B !== undefined) return Buffer.from(String(value.B), "base64").length;
  if (value.SS !== undefined) return sum(value.SS, text);
  if (value.NS !== undefined) return sum(value.NS, numberBytes);
  if (value.L !== undefined)
    return CONTAINER_BYTES + sum(value.L, (element) => ELEMENT_BYTES + valueBytes(element));
  if (value.M !== undefined)
    return CONTAINER_BYTES + sum(Object.keys(value.M), () => ELEMENT_BYTES) + itemBytes(value.M);
  return 1; // NULL and BOOL
}

const units = (bytes: number, unitBytes: number) => Math.max(1, Math.ceil(bytes / unitBytes));

/** What a write costs in the table: by the larger of what was there and what is there. */
export function writeUnits(before: Item | null, after: Item | null): number {
  return units(Math.max(before ? itemBytes(before) : 0, after ? itemBytes(after) : 0), WRITE_UNIT_BYTES);
}

/**
 * What a write costs in the index: nothing if the entry stays as it is, one write to put or to remove it, two to move it.
 *
 * @see AWS, "Write capacity units" of global secondary indexes, Amazon DynamoDB Developer Guide
 */
export function indexWriteUnits(before: Item | null, after: Item | null): number {
  const [was, is] = [indexEntry(before), indexEntry(after)];
  if (JSON.stringify(was) === JSON.stringify(is)) return 0;
  return [was, is].reduce(
    (total, entry) => total + (entry ? units(itemBytes(entry), WRITE_UNIT_BYTES) : 0),
    0,
  );
}

function indexEntry(item: Item | null): Item | null {
  if (!item || INDEX_KEYS.some((key) => item[key] === undefined)) return null;
  return Object.fromEntries([...TABLE_KEYS, ...INDEX_KEYS].map((key) => [key, item[key] as AttributeValue]));
}

/** What it costs to read so many bytes: half of that where the answer may be a moment old. */
export function readUnits(bytes: number, consistent: boolean): number {
  return units(bytes, READ_UNIT_BYTES) * (consistent ? 1 : 0.5);
}
