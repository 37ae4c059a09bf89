import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import * as z from "zod/mini";
import { listenOnLoopback } from "../../infra/local/free-port.ts";
import { ATTEMPTS_LIMIT, CHANGE_PAUSE_MS } from "../../shared/adapters/statsig/console-api.ts";
import { createConsoleMirror } from "../../shared/adapters/statsig/console-mirror.ts";
import { experimentName } from "../../shared/adapters/statsig/spec.ts";
import type { ExperimentRecord, ExperimentState } from "../../shared/contract/experiments.ts";
import type { ExperimentMirror } from "../../shared/ports/allocation.ts";
import { createRecordedLog } from "./recorded-log.ts";

const CONSOLE_KEY = "console-0123456789abcdefghij";
const NAME = experimentName("alpha", "exp_1");
const PATH = `/console/v1/experiments/${NAME}`;

function recordOf(state: ExperimentState, overrides: Partial<ExperimentRecord> = {}): ExperimentRecord {
  return {
    v: 1,
    rev: 1,
    fleet: "alpha",
    id: "exp_1",
    parameter: "retryBackoffFactor",
    unit: "task",
    control: 1,
    treatment: 2,
    hypothesis: {
      detector: "retries",
      metric: "attempts",
      baseline: 2,
      effect: -0.5,
      interval: [-1, 0],
      statement: "Longer waits spare attempts.",
      evidence: {},
    },
    plan: null,
    state,
    stages: state === "draft" ? [] : [{ treatmentShare: 0.125, sinceNight: 1, sinceMs: 1 }],
    night: null,
    bestLogE: 0,
    fixedP: null,
    looks: [],
    log: [
      {
        atMs: 2,
        night: 1,
        by: "engine",
        from: "running",
        to: state,
        treatmentShare: 0.125,
        reason: "Because of the numbers.",
        numbers: {},
      },
    ],
    createdAtMs: 0,
    startedAtMs: state === "draft" ? null : 1,
    endedAtMs: null,
    ...overrides,
  };
}

const Group = z.object({
  id: z.optional(z.string()),
  name: z.string(),
  size: z.number(),
  parameterValues: z.record(z.string(), z.unknown()),
});
const Groups = z.object({ groups: z.array(Group) });
type Sent = { readonly request: string; readonly headers: Record<string, unknown>; readonly body: unknown };
/** An answer in place of the API's own; `done`: of a request that was carried out all the same. */
type Trouble = {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  readonly done?: true;
};
const TRANSITIONS: Readonly<Record<string, readonly [needed: string, becomes: string]>> = {
  "PATCH ": ["setup", "setup"],
  "PUT /start": ["setup", "active"],
  "PUT /make_decision": ["active", "decision_made"],
  "PUT /abandon": ["active", "abandoned"],
};

/** The Console API as far as its documentation says what it does, on loopback. */
async function scene() {
  const sent: Sent[] = [];
  const troubles: Trouble[] = [];
  let remote: { status: string; groups: z.infer<typeof Group>[] } | null = null;
  const keep = (body: unknown) =>
    Groups.parse(body).groups.map((group) => ({ ...group, id: group.id ?? `id_${group.name}` }));

  const outcomeOf = (what: string, body: unknown): [status: number, value: unknown] => {
    if (what === "POST /experiments") {
      if (remote) return [409, { message: "It already exists." }];
      remote = { status: "setup", groups: keep(body) };
      return [201, { message: "created", data: remote }];
    }
    if (!remote) return [404, { status: 404, message: "Experiment not found." }];
    if (what === "GET ") return [200, { message: "read", data: remote }];
    const [needed, becomes] = TRANSITIONS[what] ?? ["none", "none"];
    if (remote.status !== needed) return [400, { status: 400, message: `It is ${remote.status}.` }];
    remote = { status: becomes, groups: what === "PATCH " ? keep(body) : remote.groups };
    return [200, { message: "done" }];
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const body: unknown = text === "" ? null : JSON.parse(text);
      const what = `${request.method ?? ""} ${(request.url ?? "").replace(PATH, "").replace("/console/v1", "")}`;
      const {
        "statsig-api-key": key,
        "statsig-api-version": version,
        "content-type": type,
      } = request.headers;
      sent.push({ request: what, headers: { key, version, type }, body });
      const answer = (status: number, value: unknown, headers: Record<string, string> = {}) =>
        response.writeHead(status, headers).end(JSON.stringify(value));

      const trouble = troubles.shift();
      if (trouble && !trouble.done) return answer(trouble.status, trouble.body ?? {}, trouble.headers);
      const [status, value] = outcomeOf(what, body);
      return trouble ? answer(trouble.status, {}) : answer(status, value);
    });
  });
  const port = await listenOnLoopback(server);
  const { log, lines } = createRecordedLog();
  const waits: number[] = [];
  let nowMs = 1_000;
  const mirror: ExperimentMirror = createConsoleMirror({
    consoleKey: CONSOLE_KEY,
    baseUrl: `http://127.0.0.1:${port}/console/v1`,
    clock: {
      nowMs: () => nowMs,
      async wait(ms) {
        waits.push(ms);
        nowMs += ms;
      },
    },
    log,
    uniform: () => 0,
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
    expect(JSON.stringify(lines)).not.toContain(CONSOLE_KEY);
    for (const { headers, body } of sent)
      expect(headers).toEqual({
        key: CONSOLE_KEY,
        version: "20240601",
        type: body === null ? undefined : "application/json",
      });
  });
  return {
    mirror,
    sent,
    troubles,
    lines,
    waits,
    remote: () => remote,
    /** Somebody changes the sizes in the console. */
    resize(treatment: number) {
      for (const group of remote?.groups ?? [])
        group.size = group.name === "treatment" ? treatment : 100 - treatment;
    },
    close: () => server.close(),
    /** Requests that change something, since the last time it was asked. */
    changes: () => sent.splice(0).filter(({ request }) => !request.startsWith("GET ")),
  };
}

const requestsOf = (changes: readonly Sent[]) => changes.map(({ request }) => request);

test("an experiment's life is one documented request for each step", async () => {
  const { mirror, changes, lines } = await scene();
  const values = (variant: string, value: number) => ({ variant, retryBackoffFactor: value });
  const groups = [
    { name: "control", size: 50, parameterValues: values("control", 1) },
    { name: "treatment", size: 50, parameterValues: values("treatment", 2) },
  ];

  await mirror.show(recordOf("draft"));
  const created = changes();
  expect(requestsOf(created)).toEqual(["POST /experiments"]);
  expect(created[0]?.body).toEqual({
    id: NAME,
    name: NAME,
    description: "retryBackoffFactor of fleet alpha: 2 instead of 1 (exp_1)",
    hypothesis: "Longer waits spare attempts.",
    idType: "userID",
    groups,
    allocation: 100,
  });

  await mirror.show(recordOf("running"));
  const started = changes();
  expect(started.map(({ request, body }) => ({ request, body }))).toEqual([
    { request: "PUT /start", body: {} },
  ]);

  await mirror.show(recordOf("shipped"));
  expect(changes().map(({ request, body }) => ({ request, body }))).toEqual([
    {
      request: "PUT /make_decision",
      body: { id: "id_treatment", decisionReason: "Because of the numbers.", removeTargeting: false },
    },
  ]);
  expect(lines).toEqual([]);
});

test.for(["rolled_back", "inconclusive", "halted"] as const)(
  "what ended as %s is abandoned with the reason",
  async (state) => {
    const { mirror, changes, remote } = await scene();
    await mirror.show(recordOf("running"));
    changes();
    await mirror.show(recordOf(state));
    expect(changes().map(({ request, body }) => ({ request, body }))).toEqual([
      { request: "PUT /abandon", body: { decisionReason: "Because of the numbers." } },
    ]);
    expect(remote()?.status).toBe("abandoned");
  },
);

test("a state brings what was missed before it", async () => {
  const running = await scene();
  await running.mirror.show(recordOf("running"));
  expect(requestsOf(running.changes())).toEqual(["POST /experiments", "PUT /start"]);
  const shipped = await scene();
  await shipped.mirror.show(recordOf("shipped"));
  expect(requestsOf(shipped.changes())).toEqual(["POST /experiments", "PUT /start", "PUT /make_decision"]);
  const halted = await scene();
  await halted.mirror.show(recordOf("halted"));
  expect(requestsOf(halted.changes())).toEqual(["POST /experiments", "PUT /start", "PUT /abandon"]);
});

test("repeating a state, or going back to an earlier one, changes nothing", async () => {
  const { mirror, changes, lines } = await scene();
  for (const state of ["draft", "running", "shipping", "shipped"] as const) {
    await mirror.show(recordOf(state));
    changes();
    await Promise.all([mirror.show(recordOf(state)), mirror.show(recordOf(state))]);
    expect(changes()).toEqual([]);
  }
  for (const state of ["draft", "running", "halted"] as const) await mirror.show(recordOf(state));
  expect(changes()).toEqual([]);
  expect(lines).toEqual([]);
});

test("what ended before it met a unit is neither created nor started", async () => {
  const { mirror, changes } = await scene();
  await mirror.show(recordOf("halted", { startedAtMs: null }));
  expect(changes()).toEqual([]);
  await mirror.show(recordOf("draft"));
  changes();
  await mirror.show(recordOf("halted", { startedAtMs: null }));
  expect(changes()).toEqual([]);
});

test("a ramp is not sent, because Statsig fixes the split at the start: its groups are equal throughout", async () => {
  const { mirror, changes, lines } = await scene();
  await mirror.show(recordOf("running"));
  changes();
  await mirror.show(recordOf("running", { stages: [{ treatmentShare: 0.25, sinceNight: 2, sinceMs: 2 }] }));
  expect(changes()).toEqual([]);
  expect(lines).toEqual([]);
});

test("groups that somebody made unequal are made equal before the start, and said after it", async () => {
  const { mirror, changes, lines, resize } = await scene();
  await mirror.show(recordOf("draft"));
  changes();
  resize(20);
  await mirror.show(recordOf("running"));
  const sizes = { groups: [expect.objectContaining({ size: 50 }), expect.objectContaining({ size: 50 })] };
  expect(changes()).toMatchObject([{ request: "PATCH ", body: sizes }, { request: "PUT /start" }]);
  resize(20);
  await mirror.show(recordOf("running"));
  expect(changes()).toEqual([]);
  expect(lines).toMatchObject([{ level: "warn", fields: { experiment: "exp_1", wanted: 50 } }]);
});

test("one that somebody else created meanwhile counts as created", async () => {
  const { mirror, changes, troubles, remote, lines } = await scene();
  await mirror.show(recordOf("draft"));
  changes();
  // The first read does not find it yet.
  troubles.push({ status: 404 });
  await mirror.show(recordOf("running"));
  expect(requestsOf(changes())).toEqual(["POST /experiments", "PUT /start"]);
  expect(remote()?.status).toBe("active");
  expect(lines).toEqual([]);
});

test("429 is retried after as long as it says, in seconds or as a date", async () => {
  const { mirror, changes, troubles, waits, remote } = await scene();
  troubles.push({ status: 404 }, { status: 429, headers: { "retry-after": "7" } });
  troubles.push({ status: 429, headers: { "retry-after": new Date(20_000).toUTCString() } });
  await mirror.show(recordOf("draft"));
  expect(requestsOf(changes())).toEqual(Array(3).fill("POST /experiments"));
  expect(waits).toEqual([7_000, 20_000 - 1_000 - 7_000]);
  expect(remote()?.status).toBe("setup");
});

test("429 that asks for too long is given up at once", async () => {
  const { mirror, sent, troubles, waits, lines } = await scene();
  troubles.push({ status: 429, headers: { "retry-after": "3600" } });
  await mirror.show(recordOf("draft"));
  expect(sent).toHaveLength(1);
  expect(waits).toEqual([]);
  expect(lines).toMatchObject([{ level: "warn", fields: { reason: "status 429, for 3600000 ms" } }]);
});

test("500 is retried with growing waits", async () => {
  const { mirror, troubles, waits, remote, lines } = await scene();
  troubles.push({ status: 500 }, { status: 503 });
  await mirror.show(recordOf("draft"));
  expect(waits).toEqual([500, 1_000]);
  expect(remote()?.status).toBe("setup");
  expect(lines).toEqual([]);
});

test("500 that lasts is given up and logged, and the next time makes up for it", async () => {
  const { mirror, sent, troubles, remote, lines } = await scene();
  troubles.push({ status: 404 });
  for (let i = 0; i < ATTEMPTS_LIMIT; i++) troubles.push({ status: 500 });
  await mirror.show(recordOf("running"));
  expect(sent).toHaveLength(1 + ATTEMPTS_LIMIT);
  expect(lines).toMatchObject([{ level: "warn", fields: { step: "create", reason: "status 500" } }]);
  await mirror.show(recordOf("running"));
  expect(remote()?.status).toBe("active");
});

test("changes whose answers are lost are not taken for refusals when they are sent again", async () => {
  const { mirror, changes, troubles, remote, lines } = await scene();
  troubles.push({ status: 404 }, { status: 502, done: true });
  await mirror.show(recordOf("draft"));
  expect(requestsOf(changes())).toEqual(["POST /experiments", "POST /experiments"]);

  troubles.push({ status: 502 });
  await mirror.show(recordOf("running"));
  expect(requestsOf(changes())).toEqual(["PUT /start"]);
  expect(remote()?.status).toBe("active");
  expect(lines).toEqual([]);
});

test("a start whose answer is lost is refused the second time, and the state that it led to is read", async () => {
  const { mirror, changes, troubles, remote, lines } = await scene();
  const share = { stages: [{ treatmentShare: 0.5, sinceNight: 1, sinceMs: 1 }] };
  await mirror.show(recordOf("draft"));
  changes();
  const asItIs = { status: 200, body: { data: remote() } };
  troubles.push(asItIs, { status: 502, done: true });
  await mirror.show(recordOf("shipped", share));
  expect(requestsOf(changes())).toEqual(["PUT /start", "PUT /start", "PUT /make_decision"]);
  expect(lines).toEqual([]);
});

test("what is refused is sent once, logged, and given up", async () => {
  const { mirror, changes, troubles, lines } = await scene();
  troubles.push({ status: 404 }, { status: 400, body: { status: 400, message: `No, ${CONSOLE_KEY}.` } });
  troubles.push({ status: 404 });
  await mirror.show(recordOf("running"));
  expect(requestsOf(changes())).toEqual(["POST /experiments"]);
  expect(lines).toMatchObject([
    { level: "warn", fields: { step: "create", reason: "status 400: No, ***." } },
  ]);
});

test("a key that is not accepted is not quoted, as the refusal does", async () => {
  const { mirror, sent, troubles, lines } = await scene();
  troubles.push({ status: 401, body: { status: 401, message: `Key: ${CONSOLE_KEY.slice(0, 15)}` } });
  await mirror.show(recordOf("running"));
  expect(sent).toHaveLength(1);
  expect(lines).toMatchObject([{ level: "warn", fields: { reason: "status 401" } }]);
});

test("nobody listens: it is tried, given up and said", async () => {
  const { mirror, close, waits, lines } = await scene();
  close();
  await mirror.show(recordOf("running"));
  expect(waits).toHaveLength(ATTEMPTS_LIMIT - 1);
  expect(lines).toMatchObject([{ level: "warn", fields: { reason: "TypeError" } }]);
});

test("a key that is no header is in no line either", async () => {
  const { log, lines } = createRecordedLog();
  const key = "console-\nsecret";
  const clock = { nowMs: () => 0, wait: async () => {} };
  const mirror = createConsoleMirror({ consoleKey: key, baseUrl: "http://127.0.0.1:9", clock, log });
  await mirror.show(recordOf("draft"));
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toContain("secret");
});

test("changes keep a pace below the documented limit", async () => {
  const { mirror, waits } = await scene();
  await mirror.show(recordOf("shipped"));
  expect(waits).toEqual([CHANGE_PAUSE_MS, CHANGE_PAUSE_MS]);
});
