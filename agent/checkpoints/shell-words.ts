/** Characters of a command line that are looked at. */
const COMMAND_CHARACTERS_LIMIT = 20_000;
/** How deep commands inside of commands are looked for: `sh -c "sh -c '...'"`. */
const NESTING_LIMIT = 4;
const SHELL = /^(?:ba|z|da|k|fi)?sh$/;
/** Programs that run what follows them, and their flags that take a value. */
const PREFIXES: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    sudo: ["-u", "-g", "-h", "-p", "-C", "-D"],
    doas: ["-u", "-C"],
    env: ["-u", "-C", "-S"],
    command: [],
    exec: ["-a"],
    nohup: [],
    time: ["-f", "-o"],
    nice: ["-n"],
    ionice: ["-c", "-n"],
    timeout: ["-s", "-k"],
    xargs: ["-I", "-n", "-P", "-L", "-d", "-a", "-E", "-s"],
    setsid: [],
    stdbuf: ["-i", "-o", "-e"],
    builtin: [],
    eval: [],
  }).map(([name, flags]) => [name, new Set(flags)]),
);
const KEYWORDS = new Set(["if", "then", "else", "elif", "do", "while", "until", "!", "{", "("]);

/**
 * The simple commands of a shell's command line, each as its words: of lists, pipes, substitutions, and what `sudo`, `env`,
 * variables in front or `sh -c` lead to. Not a shell: what is only a text, as behind `echo`, stays the words of `echo`.
 */
export function simpleCommands(line: string, nesting = 0): readonly (readonly string[])[] {
  return splitCommands(line.slice(0, COMMAND_CHARACTERS_LIMIT)).flatMap((words) => {
    const command = withoutPrefix(words);
    const inner = nesting < NESTING_LIMIT ? innerLine(command) : null;
    return [...(command.length > 0 ? [command] : []), ...(inner ? simpleCommands(inner, nesting + 1) : [])];
  });
}

/** Of `sh -c LINE` and `eval LINE`. */
function innerLine([name = "", ...rest]: readonly string[]): string | null {
  if (!SHELL.test(baseName(name))) return null;
  const flag = rest.findIndex((word) => /^-[a-z]*c$/.test(word));
  return flag < 0 ? null : (rest[flag + 1] ?? null);
}

function withoutPrefix(given: readonly string[]): readonly string[] {
  let words = given;
  for (;;) {
    const [first = ""] = words;
    const flags = PREFIXES.get(baseName(first));
    if (/^[A-Za-z_]\w*=/.test(first) || KEYWORDS.has(first)) words = words.slice(1);
    else if (flags) words = afterFlags(words.slice(1), flags, baseName(first));
    else return words;
  }
}

function afterFlags(
  words: readonly string[],
  withValue: ReadonlySet<string>,
  name: string,
): readonly string[] {
  let at = 0;
  while (words[at]?.startsWith("-")) at += withValue.has(words[at] ?? "") ? 2 : 1;
  // `timeout 10 git push`
  return words.slice(name === "timeout" ? at + 1 : at);
}

const baseName = (name: string) => name.slice(name.lastIndexOf("/") + 1);

/** Words by blanks and quotation marks, commands by `;`, `&`, `|`, line ends and what opens or closes a substitution. */
function splitCommands(line: string): string[][] {
  const commands: string[][] = [[]];
  let word = null as string | null;
  const endWord = () => {
    if (word !== null) commands.at(-1)?.push(word);
    word = null;
  };
  const endCommand = () => {
    endWord();
    commands.push([]);
  };
  const add = (text: string) => (word = (word ?? "") + text);
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at] ?? "";
    if (character === "\\") {
      at += 1;
      if (line[at] !== "\n") add(line[at] ?? "");
    } else if (character === "'") {
      const end = line.indexOf("'", at + 1);
      add(line.slice(at + 1, end < 0 ? undefined : end));
      at = end < 0 ? line.length : end;
    } else if (character === '"') {
      const { text, end, substitutions } = doubleQuoted(line, at + 1);
      add(text);
      // What is substituted is run before: its place among the commands does not matter here.
      for (const inner of substitutions) commands.unshift(...splitCommands(inner));
      at = end;
    } else if (character === "#" && word === null) {
      const end = line.indexOf("\n", at);
      at = end < 0 ? line.length : end - 1;
    } else if (/[ \t]/.test(character)) endWord();
    else if (/[;&|\n()`]/.test(character)) endCommand();
    else if (character === "$" && line[at + 1] === "(") {
      endCommand();
      at += 1;
    } else add(character);
  }
  endWord();
  return commands.filter((words) => words.length > 0);
}

function doubleQuoted(line: string, from: number): { text: string; end: number; substitutions: string[] } {
  let text = "";
  let at = from;
  for (; at < line.length && line[at] !== '"'; at += 1) {
    if (line[at] === "\\") at += 1;
    text += line[at] ?? "";
  }
  const substitutions = [...text.matchAll(/\$\(([^()]*)\)|`([^`]*)`/g)].map(([, a, b]) => a ?? b ?? "");
  return { text, end: at, substitutions };
}
