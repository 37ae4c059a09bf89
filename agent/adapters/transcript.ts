import { open } from "node:fs/promises";

/** Bytes of a transcript's end that are read: its last messages. */
const END_BYTES = 512 * 1024;

/** The last whole lines of a JSONL file, parsed; null if it cannot be read, holds none, or ends in what is no JSON. */
export async function readLastLines(file: string): Promise<readonly unknown[] | null> {
  let text: string;
  try {
    text = await readEnd(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EISDIR" || code === "EACCES" || code === "ENOTDIR") return null;
    throw error;
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  try {
    const parsed = lines.map((line) => JSON.parse(line) as unknown);
    return parsed.length > 0 ? parsed : null;
  } catch {
    return null;
  }
}

async function readEnd(file: string): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - END_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    const text = buffer.subarray(0, bytesRead).toString("utf8");
    // What begins in the middle of a line is not its beginning.
    return from === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    await handle.close();
  }
}
