/** What `git status --porcelain=v2 --branch -z` says. */
export type GitStatus = {
  /** Null: no commit yet. */
  readonly head: string | null;
  /** Null: detached. */
  readonly branch: string | null;
  readonly modified: readonly GitPath[];
  readonly staged: readonly GitPath[];
  readonly untracked: readonly GitPath[];
  readonly unmerged: readonly GitPath[];
};

/** A path below the top: as git has it, and as text. They differ where a name is no UTF-8. */
export type GitPath = { readonly bytes: Buffer; readonly text: string };

export const STATUS_ARGUMENTS = [
  "status",
  "--porcelain=v2",
  "--branch",
  "-z",
  "--untracked-files=all",
  "--no-renames",
  "--no-ahead-behind",
  "--ignore-submodules=dirty",
];

/** Paths are separated by zero bytes: names may have blanks, line ends, and bytes that are no text. */
export function parseStatus(output: Buffer): GitStatus {
  let head: string | null = null;
  let branch: string | null = null;
  const lists = {
    modified: [] as GitPath[],
    staged: [] as GitPath[],
    untracked: [] as GitPath[],
    unmerged: [] as GitPath[],
  };
  // One character for each byte, so that the bytes of a name can be had back.
  for (const entry of output.toString("latin1").split("\0")) {
    if (entry.startsWith("# branch.oid ")) head = /[0-9a-f]{40,64}$/.exec(entry)?.[0] ?? null;
    else if (entry.startsWith("# branch.head "))
      branch = entry.endsWith("(detached)") ? null : pathOf(entry.slice(14)).text;
    else if (entry.startsWith("? ")) lists.untracked.push(pathOf(entry.slice(2)));
    else if (entry.startsWith("u ")) lists.unmerged.push(pathOf(afterFields(entry, 10)));
    else if (entry.startsWith("1 ")) {
      const path = pathOf(afterFields(entry, 8));
      if (entry[2] !== ".") lists.staged.push(path);
      if (entry[3] !== ".") lists.modified.push(path);
    }
  }
  return { head, branch, ...lists };
}

function afterFields(entry: string, fields: number): string {
  let at = 0;
  for (let field = 0; field < fields; field += 1) at = entry.indexOf(" ", at) + 1;
  return entry.slice(at);
}

function pathOf(latin1: string): GitPath {
  const bytes = Buffer.from(latin1, "latin1");
  return { bytes, text: bytes.toString("utf8") };
}
