import * as z from "zod/mini";
import type { ExperimentRecord } from "../../contract/experiments.ts";
import type { ExperimentMirror } from "../../ports/allocation.ts";
import type { Clock, Log } from "../../ports/ports.ts";
import { type ConsoleAnswer, createConsoleApi } from "./console-api.ts";
import {
  type ConsoleStep,
  GROUP_SIZE,
  RemoteExperiment,
  hasEqualGroups,
  nextRequest,
  pathOf,
} from "./console-plan.ts";

const BASE_URL = "https://statsigapi.net/console/v1";
const MESSAGE_CHARACTERS = 200;

const Refusal = z.object({ message: z.string() });

/**
 * Mirrors experiments in Statsig's console through its Console API. It reads what an experiment is there, and sends what is
 * missing; what could not be sent is logged, and made up for when the experiment is shown again.
 */
export function createConsoleMirror(options: {
  consoleKey: string;
  clock: Clock;
  log: Log;
  baseUrl?: string;
  fetch?: typeof fetch;
  uniform?: () => number;
}): ExperimentMirror {
  const {
    consoleKey,
    clock,
    log,
    baseUrl = BASE_URL,
    fetch = globalThis.fetch,
    uniform = Math.random,
  } = options;
  const api = createConsoleApi({ consoleKey, baseUrl, fetch, clock, uniform });
  let last = Promise.resolve();

  /** Why an answer is none, without the key: the documented refusal of a key quotes it. */
  const reasonOf = (answer: ConsoleAnswer): string => {
    if (answer.kind === "gave-up") return answer.reason;
    const refusal = Refusal.safeParse(answer.body);
    const text = answer.status !== 401 && refusal.success ? `: ${refusal.data.message}` : "";
    return `status ${answer.status}${text}`.replaceAll(consoleKey, "***").slice(0, MESSAGE_CHARACTERS);
  };

  const mirror = async (record: ExperimentRecord): Promise<void> => {
    const told = log.with({ fleet: record.fleet, experiment: record.id, state: record.state });
    const sent = new Map<ConsoleStep, string>();
    for (;;) {
      const read = await api.call("GET", pathOf(record));
      const there = read.kind === "answered" ? RemoteExperiment.safeParse(read.body) : null;
      const missing = read.kind === "answered" && read.status === 404;
      if (!missing && (!there?.success || read.kind !== "answered" || read.status !== 200)) {
        told.warn("an experiment could not be read from Statsig", { reason: reasonOf(read) });
        return;
      }
      const remote = missing || !there?.success ? null : there.data.data;
      const request = nextRequest(record, remote);
      if (!request) {
        if (remote?.status === "active" && !hasEqualGroups(remote))
          told.warn("Statsig splits an experiment unequally, so the live service would allocate it wrongly", {
            wanted: GROUP_SIZE,
          });
        return;
      }
      const { step, method, path, body } = request;
      // Sent, answered, and still missing: not again before the experiment is shown again.
      const reason = sent.get(step);
      if (reason !== undefined) {
        told.warn("Statsig did not take a change of an experiment", { step, reason });
        return;
      }
      const answer = await api.call(method, path, body);
      sent.set(step, reasonOf(answer));
      if (answer.kind === "gave-up") {
        told.warn("Statsig did not take a change of an experiment", { step, reason: answer.reason });
        return;
      }
    }
  };

  return {
    show(record) {
      // One after the other: a burst would be throttled.
      last = last
        .then(() => mirror(record))
        .catch((error: unknown) => {
          const reason = error instanceof Error ? error.name : "unknown";
          log.error("an experiment is not mirrored", { experiment: record.id, reason });
        });
      return last;
    },
  };
}
