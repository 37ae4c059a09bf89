import { describe, expect, it } from "vitest";
import { anExperiment } from "../fixtures/tuning.ts";
import type { TaskRecord } from "../../shared/contract/records.ts";
import { beatingOf, expose, retune } from "../../shared/domain/experiments/session-tuning.ts";
import { register } from "../../shared/domain/session-transitions.ts";
import { exposeTask } from "../../shared/domain/task-transitions.ts";

const request = { id: "s", host: "h", boot: "b", agent: "test" };
const registration = { fleet: "f", id: "s", request, keyId: "k", registration: null };
const variant = { variant: "treatment", stage: 2, atMs: 1 } as const;
const session = { ...register(null, registration, 1), variants: { e: variant } };
const interval = anExperiment({
  ...{ id: "e", parameter: "checkpointIntervalMs", unit: "session" },
  ...{ control: 600_000, treatment: 300_000 },
});

describe("a session", () => {
  it("meets its variant once, at the time of the first use, in the stage that it was allocated in", () => {
    const met = expose(session, 1, ["e", "other"], 7);
    const exposures = { e: { ...variant, atMs: 7 } };
    expect(met).toMatchObject({ kind: "commit", next: { exposures } });
    expect(expose({ ...session, exposures }, 1, ["e"], 9).kind).toBe("unchanged");
  });

  it("meets nothing that it is not in, nor for another of its starts", () => {
    expect(expose(session, 1, ["other"], 7).kind).toBe("unchanged");
    expect(expose({ ...session, variants: undefined }, 1, ["e"], 7).kind).toBe("unchanged");
    expect(expose(session, 2, ["e"], 7).kind).toBe("unchanged");
  });

  it("is given another value only if it is in the experiment and has another", () => {
    expect(retune(session, interval, 600_000).kind, "it has the default").toBe("unchanged");
    expect(retune({ ...session, variants: undefined }, interval, 300_000).kind).toBe("unchanged");
    expect(retune(session, interval, 300_000)).toMatchObject({
      next: { parameters: { checkpointIntervalMs: 300_000 }, capacity: 3 },
    });
  });

  it("beats as its host was told, else as its fleet does", () => {
    expect(beatingOf({ parameters: { heartbeatProfile: "fast" } }, { profile: "standard" }).name).toBe(
      "fast",
    );
    for (const parameters of [undefined, {}, { heartbeatProfile: "slow" }])
      expect(beatingOf({ parameters }, { profile: "standard" }).timeoutMs).toBe(30_000);
  });
});

describe("a task", () => {
  const task = { state: "running", redrives: 1 } as TaskRecord;

  it("meets its variant once, and keeps what else it has met", () => {
    const met = { ...task, exposures: { other: variant } };
    expect(exposeTask(met, 1, "e", variant)).toMatchObject({
      next: { exposures: { other: variant, e: variant } },
    });
    expect(exposeTask(met, 1, "other", variant).kind).toBe("unchanged");
  });

  it("meets nothing once it has ended, nor after it was redriven", () => {
    expect(exposeTask({ ...task, state: "completed" } as TaskRecord, 1, "e", variant).kind).toBe("unchanged");
    expect(exposeTask(task, 0, "e", variant).kind).toBe("unchanged");
  });
});
