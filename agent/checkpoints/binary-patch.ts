import { inflateSync } from "node:zlib";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
const VALUES = new Map(Array.from(ALPHABET, (character, index) => [character, index]));
const HUNK = /^(?:literal|delta) [0-9]+\n((?:[A-Za-z].{5,70}\n)+)/gm;
const INFLATED_BYTES_LIMIT = 8 * 1024 * 1024;

/**
 * What a diff carries of binary files, with one character for each byte: packed, a secret in it looks like nothing.
 * Null for a part that cannot be unpacked: nobody knows what is in it.
 */
export function readBinaryParts(diff: string): (string | null)[] {
  if (!diff.includes("\nGIT binary patch\n")) return [];
  return [...diff.matchAll(HUNK)].map(([, body = ""]) => {
    try {
      const packed = Buffer.concat(body.trimEnd().split("\n").map(decodeLine));
      return inflateSync(packed, { maxOutputLength: INFLATED_BYTES_LIMIT }).toString("latin1");
    } catch {
      return null;
    }
  });
}

/** A letter that tells the bytes, then five characters for four bytes each: base 85 as git writes it. */
function decodeLine(line: string): Buffer {
  const code = line.charCodeAt(0);
  const length = code <= 90 ? code - 64 : code - 70;
  const bytes = Buffer.alloc(Math.ceil((line.length - 1) / 5) * 4);
  for (let at = 1; at < line.length; at += 5) {
    let value = 0;
    for (const character of line.slice(at, at + 5)) value = value * 85 + (VALUES.get(character) ?? 0);
    bytes.writeUInt32BE(value % 2 ** 32, ((at - 1) / 5) * 4);
  }
  return bytes.subarray(0, length);
}
