/** What ends in a letter or digit and yet ends what stands before: `\n` and `"` escaped, `%22`, a terminal's colour, and a diff's mark. */
const ESCAPES = "\\\\[nrtbf]|\\\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\\[[0-9;]{0,9}m|(?:^|\\n)-";

/** Of a pattern: not after one of these characters, unless they are of an escape. */
export function beginsWord(characters: string): string {
  return `(?:(?<![${characters}])|(?<=${ESCAPES}))`;
}
