/** The same document, which nobody can change any more. What is frozen already is taken to be so to its depth. */
export function deepFrozen<T extends object>(document: T): T {
  if (Object.isFrozen(document)) return document;
  for (const value of Object.values(document) as unknown[])
    if (typeof value === "object" && value !== null) deepFrozen(value);
  return Object.freeze(document);
}
