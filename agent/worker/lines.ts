import type { Readable } from "node:stream";

/** Characters of one line; what is longer is handed on in pieces, so that no output fills the memory. */
const LINE_CHARACTERS_LIMIT = 64 * 1024;

/** Calls `onLine` for each line of a stream, the last one also without its newline. Resolves at the end. */
export async function eachLine(stream: Readable, onLine: (line: string) => void): Promise<void> {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
    if (rest.length > LINE_CHARACTERS_LIMIT) {
      onLine(rest);
      rest = "";
    }
  });
  await new Promise<void>((resolve) => {
    stream.once("close", resolve);
    stream.once("end", resolve);
  });
  if (rest !== "") onLine(rest);
  rest = "";
}
