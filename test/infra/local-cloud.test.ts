import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { beforeAll, describe, expect, test } from "vitest";
import { CREDENTIALS, REGION } from "../../infra/local/account.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";

// A shell that is set up for a real account must not reach it from here.
Object.assign(process.env, { AWS_PROFILE: "production", AWS_SESSION_TOKEN: "real", AWS_REGION: "eu-west-1" });

const commands: string[] = [];
const failures: unknown[] = [];
const cloud = useEmbeddedCloud({
  schedule: false,
  onRedisCommand: (name) => commands.push(name),
  onError: (_, error) => failures.push(error),
});

type Session = {
  session: { id: string; epoch: number };
  token: string;
  hostToken: string;
  heartbeat: { url: string };
};

let registered: Session;

beforeAll(async () => {
  const { body } = await cloud().request("POST", "/v1/keys", { body: { scope: "agent" } });
  const { secret } = body as { secret: string };
  const session = { host: "host-1", boot: "boot-1", agent: "test" };
  const answer = await cloud().request("POST", "/v1/sessions", { key: secret, body: session });
  expect(answer.status).toBe(201);
  registered = answer.body as Session;
});

const beat = (seq: number) => ({
  host: "host-1",
  boot: "boot-1",
  seq,
  sessions: [{ id: registered.session.id, epoch: registered.session.epoch, activity: "idle" }],
});

describe("the whole cloud, with the handlers that are deployed", () => {
  test("agents are told to beat at an address of this cloud, and commands to Redis are counted", async () => {
    const { heartbeat, hostToken } = registered;
    expect(heartbeat.url).toBe(`${cloud().url}/v1/heartbeat`);
    await cloud().request("POST", "/v1/heartbeat", { key: hostToken, body: beat(1) });
    const before = commands.length;
    expect((await cloud().request("POST", "/v1/heartbeat", { key: hostToken, body: beat(2) })).status).toBe(
      200,
    );
    expect(commands.slice(before)).toContain("ZADD");
  });

  test("a submitted task reaches a session through the dispatch queue", async () => {
    const body = { id: "through-the-queue", type: "test", data: { n: 1 } };
    expect((await cloud().request("POST", "/v1/tasks", { body })).status).toBe(202);
    const state = async () => {
      const { body: answer } = await cloud().request("GET", "/v1/tasks/through-the-queue");
      return (answer as { task: { state: string } }).task.state;
    };
    await expect.poll(state, { timeout: 10_000 }).toBe("assigned");
  });

  test("an outage of Redis is seen as one, and ends", async () => {
    const { hostToken } = registered;
    cloud().redis.setReachable(false);
    const during = await cloud().request("POST", "/v1/heartbeat", { key: hostToken, body: beat(3) });
    cloud().redis.setReachable(true);
    const after = await cloud().request("POST", "/v1/heartbeat", { key: hostToken, body: beat(4) });
    expect([during.status, after.status]).toEqual([503, 200]);
  });

  test("nothing of a real account's settings is left, and objects come from this machine", async () => {
    expect(process.env.AWS_PROFILE).toBeUndefined();
    expect(process.env.AWS_SESSION_TOKEN).toBeUndefined();
    expect(process.env.AWS_REGION).toBe(REGION);
    const { endpoint } = cloud().queuesAndObjects;
    const s3 = new S3Client({ endpoint, region: REGION, credentials: CREDENTIALS });
    const missing = s3.send(new GetObjectCommand({ Bucket: "shim-payloads", Key: "absent" }));
    await expect(missing).rejects.toMatchObject({ name: "NoSuchKey" });
    s3.destroy();
  });

  test("an unknown route is answered by the API itself", async () => {
    const { status, body } = await cloud().request("GET", "/v1/nothing-here");
    expect([status, body]).toMatchObject([404, { code: "route.not_found" }]);
  });

  test("the sweep can be invoked, and returns when nothing lives any more", async () => {
    const { session, token } = registered;
    const path = `/v1/sessions/${session.id}/end`;
    expect((await cloud().request("POST", path, { key: token, body: { reason: "stopped" } })).status).toBe(
      200,
    );
    await cloud().runSweep();
    expect(failures).toEqual([]);
  });
});
