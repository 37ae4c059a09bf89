import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

/** How much of a transcript's end is compared. It is only ever appended to. */
const MARK_BYTES = 64 * 1024;

/** How long a transcript was, and the SHA-256 of its end then. */
export type TranscriptMark = { readonly bytes: number; readonly hash: string };

/** The mark of a transcript as it is, or as it was when it had so many bytes. Null if there is none, or none of that length. */
export async function markTranscript(file: string, bytes?: number): Promise<TranscriptMark | null> {
  const handle = await open(file, "r").catch(() => null);
  if (!handle) return null;
  try {
    const stat = await handle.stat();
    const length = bytes ?? stat.size;
    if (!stat.isFile() || length > stat.size) return null;
    const start = Math.max(0, length - MARK_BYTES);
    const buffer = Buffer.alloc(length - start);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, start);
    if (bytesRead < buffer.length) return null;
    return { bytes: length, hash: createHash("sha256").update(buffer).digest("hex") };
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}
