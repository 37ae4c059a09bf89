/** Words as one command line of a POSIX shell, by which agents start the commands of their hooks. */
export const commandLine = (words: readonly string[]) => words.map(quoted).join(" ");

const quoted = (word: string) =>
  /^[A-Za-z0-9_./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
