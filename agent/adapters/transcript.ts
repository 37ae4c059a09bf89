import { open } from "node:fs/promises";

/** Bytes of a transcript's end that are read: its last messages. More, where they hold no whole line. */
const END_BYTES = 512 * 1024;
const END_BYTES_LIMIT = 32 * 1024 * 1024;

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

/** Whole lines of the end. Empty if there is no file but a folder, or a single line that is too long. */
async function readEnd(file: string): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    for (let bytes = END_BYTES; bytes <= END_BYTES_LIMIT; bytes *= 4) {
      const from = Math.max(0, size - bytes);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
      const text = buffer.subarray(0, bytesRead).toString("utf8");
      if (from === 0) return text;
      // What begins in the middle of a line is not its beginning.
      const begin = text.indexOf("\n") + 1;
      if (begin > 0 && begin < text.length) return text.slice(begin);
    }
    return "";
  } finally {
    await handle.close();
  }
}
