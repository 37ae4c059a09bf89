import type { SessionRecord, TaskRecord } from "../contract/records.ts";
import { load } from "./session-transitions.ts";

/**
 * Words that stand for a place among those that stand for capabilities: no capability contains `=`. So tasks that must
 * run at one place have ready queues of their own, at whose heads nobody else's tasks wait.
 */
const SESSION = "session=";
const HOST = "host=";

type Demanding = Pick<TaskRecord, "requires" | "affinity">;
type Offering = Pick<SessionRecord, "id" | "host" | "capabilities">;

/** What a task asks of whoever takes it: capabilities, and with a required affinity the place. */
export function demandsOf({ requires, affinity }: Demanding): string[] {
  if (!affinity?.required) return requires;
  const { session, host } = affinity;
  return [...requires, ...(session ? [SESSION + session] : []), ...(host ? [HOST + host] : [])];
}

/** What a session offers. */
export function offersOf({ id, host, capabilities }: Offering): string[] {
  return [...capabilities, SESSION + id, HOST + host];
}

/** Where a task is to run, and what for capabilities, of what it asks. */
export function splitDemands(demands: readonly string[]): {
  readonly session?: string;
  readonly host?: string;
  readonly capabilities: readonly string[];
} {
  const placed = (prefix: string) => demands.find((word) => word.startsWith(prefix))?.slice(prefix.length);
  const [session, host] = [placed(SESSION), placed(HOST)];
  return {
    ...(session !== undefined && { session }),
    ...(host !== undefined && { host }),
    capabilities: demands.filter((word) => !word.includes("=")),
  };
}

/** Whether a session could take a task that asks for this, as far as its record says. */
export function couldTake(session: SessionRecord, demands: readonly string[]): boolean {
  const offers = offersOf(session);
  const free = session.state === "live" && load(session) < session.capacity;
  return free && demands.every((demand) => offers.includes(demand));
}
