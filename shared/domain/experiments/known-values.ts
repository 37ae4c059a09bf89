/** Those that are known: neither missing nor beyond what a record may hold. Nothing that is measured is negative. */
export function knownValues<K extends string>(
  values: Readonly<Partial<Record<K, number | null | undefined>>>,
): Partial<Record<K, number>> {
  const known = Object.entries<number | null | undefined>(values).filter(
    ([, value]) => typeof value === "number" && Number.isFinite(value) && value >= 0,
  );
  return Object.fromEntries(known) as Partial<Record<K, number>>;
}

/** Characters of a directory's name that are kept. */
const CHARACTERS_LIMIT = 64;

/** The last part of a session's directory; null if it has none. */
export function repositoryOf(cwd: string | null): string | null {
  const last = cwd?.split(/[/\\]/).findLast((part) => part !== "");
  return last?.slice(0, CHARACTERS_LIMIT) ?? null;
}
