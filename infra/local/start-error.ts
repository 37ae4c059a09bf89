/** A reason not to start that the person at the keyboard can mend: the message says what, why and what next. */
export class StartError extends Error {
  override name = "StartError";
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
