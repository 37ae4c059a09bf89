/** Control characters out: what a task or a session says must not drive the reader's terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

/** What a last column is wrapped to at least, however narrow the terminal is. */
const LAST_COLUMN = 24;

/**
 * Columns aligned with two spaces between, below a heading.
 *
 * @param columns of the terminal: the last column is wrapped to fit
 */
export function formatTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  columns = Infinity,
): string {
  const lines = [heading, ...rows].map((row) => row.map(printable));
  const widths = heading.map((_, column) => Math.max(...lines.map((row) => row[column]?.length ?? 0)));
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const room = Math.max(LAST_COLUMN, columns - before) + before;
  return lines
    .map((row) => {
      const cells = row.slice(0, -1).map((cell, column) => `${cell.padEnd(widths[column] ?? 0)}  `);
      const end = row.at(-1) ?? "";
      const last = end.length + before > room ? wrap(end, room, " ".repeat(before)).slice(before) : end;
      return `${cells.join("")}${last}`.trimEnd();
    })
    .join("\n");
}

/** Lines of at most so many columns, each indented. A word that is longer stays whole. */
export function wrap(text: string, columns: number, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of printable(text).split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => `${indent}${one}`).join("\n");
}

/** How long ago an instant was, for people: `12s`, `3m`, `5h`, `2d`; `-` for none. */
export function formatAge(instant: string | null, nowMs: number): string {
  if (instant === null) return "-";
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(instant)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)}h`;
  return `${Math.round(seconds / 86_400)}d`;
}
