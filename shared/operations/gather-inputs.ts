import { INPUTS_BYTES_LIMIT } from "../contract/limits.ts";
import type { TaskIn, TaskRecord } from "../contract/records.ts";
import type { TaskInput } from "../contract/session.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";

/** Results that are read at a time; bounds what is read in vain when they do not fit. */
const AT_ONCE = 8;

/** What a holder is told of a task's dependencies, by their ids. */
export type Inputs = Readonly<Record<string, TaskInput>>;

/**
 * What became of a task's dependencies, as the record has it now. Their results come along up to a limit for all
 * together: first those kept in the heads, which are small and read already, then the others in the order of
 * `dependsOn`. Once as much was read in vain as fits, no more is read. A dependency that the record keeps no longer
 * has no entry. Without dependencies nothing is read.
 */
export async function gatherInputs(ports: Ports, task: TaskRecord): Promise<Inputs> {
  const { fleet, dependsOn } = task;
  if (dependsOn.length === 0) return {};
  const order = new Map(dependsOn.map((id, i) => [id, i]));
  const dependencies = (await ports.record.tasks.getMany(fleet, dependsOn)).sort(
    (a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0),
  );
  const results = await gatherResults(ports, dependencies);
  return Object.fromEntries(
    dependencies.map(({ id, state, error }) => {
      const truncated = state === "completed" && !results.has(id);
      return [id, { state, result: results.get(id) ?? null, error, ...(truncated && { truncated }) }];
    }),
  );
}

/** The results that fit, by task. */
async function gatherResults(
  ports: Ports,
  dependencies: readonly TaskRecord[],
): Promise<ReadonlyMap<string, unknown>> {
  const completed = dependencies.filter((task) => task.state === "completed");
  const small = completed.filter(({ result }) => result.at === "inline");
  const large = completed.filter(({ result }) => result.at !== "inline");
  const results = new Map<string, unknown>();
  let room = INPUTS_BYTES_LIMIT;
  let inVain = 0;
  for (const batch of [small, ...chunks(large, AT_ONCE)]) {
    if (inVain >= INPUTS_BYTES_LIMIT) break;
    for (const { id, json } of await Promise.all(batch.map((task) => readResult(ports, task)))) {
      if (json === null) continue;
      const bytes = Buffer.byteLength(json);
      if (bytes > room) inVain += bytes;
      else {
        results.set(id, JSON.parse(json));
        room -= bytes;
      }
    }
  }
  return results;
}

/** Null if the record has lost it, which must not keep the dependent from ever being claimed. */
async function readResult(
  { record, log }: Ports,
  { fleet, id, result }: TaskIn<"completed">,
): Promise<{ id: string; json: string | null }> {
  if (result.at === "inline") return { id, json: result.json };
  try {
    return { id, json: JSON.stringify(await record.payloads.get(fleet, id, result)) };
  } catch (error) {
    if (error instanceof StoreUnavailable) throw error;
    log.error("a result is gone; its dependents go without", { fleet, task: id, error: String(error) });
    return { id, json: null };
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
