import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";

/**
 * Does one of many things so that one which breaks harms no other: it is logged, and whoever comes next tries again.
 * A store that does not answer concerns all of them, and is thrown.
 */
export async function apart(
  ports: Ports,
  about: Readonly<Record<string, unknown>>,
  act: () => Promise<unknown>,
): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (error instanceof StoreUnavailable) throw error;
    ports.log.error("left half-done; the sweep tries again", { ...about, error: String(error) });
    await ports.metrics.note(null, "Errors", 1);
  }
}
