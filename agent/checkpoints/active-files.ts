import * as z from "zod/mini";

const Fields = z.record(z.string(), z.unknown());
const PATHS = ["file_path", "notebook_path", "path", "filePath", "absolute_path"];
/** How Codex's `apply_patch` names the files that it changes. */
const PATCHED = /^\*\*\* (?:Add|Update|Delete) File: (.{1,1000})$/gm;
const PATCH_CHARACTERS_READ = 256 * 1024;
const PATH_CHARACTERS_LIMIT = 1_000;

/** The files that a tool call names in its input, as it names them. A shell command's are not guessed. */
export function filesOf(input: unknown): readonly string[] {
  const fields = Fields.safeParse(input).data ?? {};
  const named = PATHS.map((name) => fields[name]).filter((value) => typeof value === "string");
  const patches = [input, fields["input"], fields["patch"], ...listOf(fields["command"])]
    .filter((value) => typeof value === "string")
    .filter((text) => text.includes("*** Begin Patch"))
    .flatMap((text) => [...text.slice(0, PATCH_CHARACTERS_READ).matchAll(PATCHED)])
    .map(([, path = ""]) => path.trim());
  return [...new Set([...named, ...patches])].filter(
    (path) => path !== "" && path.length <= PATH_CHARACTERS_LIMIT,
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}
