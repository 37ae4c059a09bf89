import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DEADLINES_KEY } from "../../shared/adapters/upstash/keys.ts";
import { ERRORS } from "../../shared/contract/errors.ts";
import { Problem } from "../../shared/contract/problem.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { PAYLOAD_MARKER, toRawRequest } from "./bad-case.ts";
import { MISFITTING_BODIES, UNREADABLE_BODIES } from "./bad-bodies.ts";
import { FORBIDDEN_CALLERS, UNKNOWN_CALLERS } from "./bad-credentials.ts";
import { BAD_BULK } from "./bad-bulk.ts";
import { BAD_CHECKPOINTS } from "./bad-checkpoints.ts";
import { BAD_EXPERIMENTS } from "./bad-experiments.ts";
import { BAD_EXPOSURES } from "./bad-exposures.ts";
import { BAD_HOOKS } from "./bad-hooks.ts";
import { BAD_RULES } from "./bad-rules.ts";
import { BAD_SIGNALS } from "./bad-signals.ts";
import { UNKNOWN_PLACES } from "./bad-places.ts";
import { CONFLICTS, IMPOSSIBLE, MISFITTING_HEADS, SEVERAL_WRONGS } from "./bad-states.ts";
import { captureLog } from "./captured-log.ts";
import { type Cast, assembleCast } from "./cast.ts";
import { type CloudDump, type Dump, createCloudDump } from "./cloud-dump.ts";
import { sendRaw } from "./raw-request.ts";

const log = captureLog();
// Nothing may change the stores but the request: what acts by itself is put to rest.
const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});

let stores: CloudDump;
let cast: Cast;
let before: Dump;

beforeAll(async () => {
  stores = createCloudDump(cloud());
  cast = await assembleCast(cloud(), stores);
  await keepAlive();
  before = await stores.dump();
});
afterAll(() => {
  stores.close();
});

/** Nobody's deadline passes while the cases run, however slow the machine is. */
async function keepAlive(): Promise<void> {
  const members = (await stores.redis("ZRANGE", DEADLINES_KEY, 0, -1)) as string[];
  const later = members.flatMap((member) => [Date.now() + 3_600_000, member]);
  await stores.redis("ZADD", DEADLINES_KEY, "GT", ...later);
}

/** Every credential of the scene, and the text that marks payloads. */
function secrets(): string[] {
  const { keys, worker, neighbour, remote, stale, restarted, ended, rival, rivalKey } = cast;
  const actors = [worker, neighbour, remote, stale, restarted, ended, rival];
  return [
    cloud().rootKey,
    cloud().adminKey,
    rivalKey,
    cloud().state.credentials.tokenKeys,
    ...Object.values(keys).map(({ secret }) => secret),
    ...actors.flatMap(({ token, hostToken }) => [token, hostToken]),
    PAYLOAD_MARKER,
  ];
}

function expectNoSecret(text: string, where: string): void {
  const leaked = secrets().filter((secret) => text.includes(secret));
  expect(leaked, `secrets in ${where}`).toEqual([]);
}

describe("the right 4xx, nothing changed, no secret told", () => {
  describe.each(
    Object.entries({
      "unknown callers": UNKNOWN_CALLERS,
      "forbidden callers": FORBIDDEN_CALLERS,
      "unknown places": UNKNOWN_PLACES,
      "unreadable bodies": UNREADABLE_BODIES,
      "misfitting bodies": MISFITTING_BODIES,
      "misfitting heads": MISFITTING_HEADS,
      impossible: IMPOSSIBLE,
      conflicts: CONFLICTS,
      "pauses and limits": BAD_RULES,
      "histories of signals": BAD_SIGNALS,
      "hooks and messages of MCP": BAD_HOOKS,
      checkpoints: BAD_CHECKPOINTS,
      exposures: BAD_EXPOSURES,
      "experiments and tuning": BAD_EXPERIMENTS,
      "actions over many": BAD_BULK,
      "several wrongs": SEVERAL_WRONGS,
    }),
  )("%s", (_, cases) => {
    test.each(cases.map((bad) => [bad.name, bad] as const))("%s", async (_name, bad) => {
      const answer = await sendRaw(cloud().url, toRawRequest(bad, { cloud: cloud(), cast }));
      const after = await stores.dump();
      const was = before;
      before = after;
      expect({ status: answer.status, ...(answer.body as object) }, answer.text).toMatchObject({
        status: ERRORS[bad.code].status,
        code: bad.code,
      });
      expect(answer.headers["content-type"]).toBe("application/problem+json");
      expect(Problem.parse(answer.body)).toEqual(answer.body);
      // The stores hold much: only where they differ does it pay to say how.
      if (!isDeepStrictEqual(after, was)) expect(after).toEqual(was);
      expectNoSecret(answer.text, "the answer");
    });
  });
});

test("no secret is in the log, whatever was sent, and neither when a store fails", async () => {
  cloud().redis.setReachable(false);
  const headers = { "idempotency-key": "while-away" };
  const body = { id: "late", host: "h5", boot: "b5", agent: "test", cwd: PAYLOAD_MARKER };
  const failed = await cloud().request("POST", "/v1/sessions", { body, headers });
  cloud().redis.setReachable(true);
  expect(failed).toMatchObject({ status: 503, body: { code: "service.unavailable" } });
  expect(log.text()).toContain("request failed");
  expectNoSecret(log.text(), "the log");
});
