import type { Ports } from "../ports/ports.ts";
import { PROTOCOL_VERSION } from "../contract/protocol.ts";

type Check = { ok: boolean; detail?: string };

/** Asks each store one cheap question. Tells nothing of what is in them. */
export async function checkHealth(
  ports: Ports,
): Promise<{ ok: boolean; version: string; checks: Record<string, Check> }> {
  const checks = {
    record: await answers(() => ports.record.sweep.get()),
    redis: await answers(() => ports.agenda.stamp()),
  };
  return { ok: Object.values(checks).every(({ ok }) => ok), version: PROTOCOL_VERSION, checks };
}

async function answers(ask: () => Promise<unknown>): Promise<Check> {
  try {
    await ask();
    return { ok: true };
  } catch {
    return { ok: false, detail: "It did not answer." };
  }
}
