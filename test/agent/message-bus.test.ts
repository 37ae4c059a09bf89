import { afterEach, expect, test } from "vitest";
import { createShim, type Shim } from "../../agent/client/client.ts";
import type { Message } from "../../shared/contract/message.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { createFleet, type TestFleet } from "./fleet.ts";

const cloud = useEmbeddedCloud();
const open: Shim[] = [];
afterEach(async () => {
  for (const shim of open.splice(0)) {
    await shim.messageBus.close();
    await shim.close();
  }
});

const POLL = { pollIntervalMs: 20 };

async function connect(fleet?: TestFleet) {
  const made = fleet ?? (await createFleet(cloud()));
  const shim = createShim({ url: made.url, key: made.key });
  open.push(shim);
  return { shim, fleet: made };
}

const count = (heard: readonly unknown[], least: number) =>
  eventually(`${least} messages are heard`, async () => heard.length >= least);

test("two chats of two clients talk, in order, and each message is heard once", async () => {
  const { shim: one, fleet } = await connect();
  const { shim: two } = await connect(fleet);
  await one.coordinator.registerChat("ann");
  await two.coordinator.registerChat("ben");
  const heard: Message[] = [];
  two.messageBus.subscribe("ben", (message) => void heard.push(message), POLL);
  for (let n = 0; n < 5; n++) await one.messageBus.publish("session:ben", { n }, "ann");
  const sent = await one.messageBus.publish("*", "to all");
  await count(heard, 6);
  expect(heard.map(({ body }) => body)).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, "to all"]);
  expect(heard[0]).toMatchObject({ from: "session:ann", to: "session:ben" });
  expect(heard[5]).toEqual({ ...sent, from: "operator", to: "*", body: "to all" });
  await eventually("all are acknowledged", async () => {
    const { cursor } = await two.messageBus.read("ben");
    return cursor === null;
  });
});

test("a chat hears its topics, and of a new message by its heartbeat, long before it would look", async () => {
  const { shim, fleet } = await connect(await createFleet(cloud(), "fast"));
  await shim.coordinator.registerChat("finn", { topics: ["builds"] });
  const heard: unknown[] = [];
  const never = { pollIntervalMs: 3_600_000 };
  shim.messageBus.subscribe("finn", ({ body }) => void heard.push(body), never);
  const { shim: other } = await connect(fleet);
  await other.messageBus.publish("topic:builds", "green");
  await other.messageBus.publish("topic:deploys", "done");
  await count(heard, 1);
  await other.messageBus.publish("*", "lunch");
  await count(heard, 2);
  expect(heard).toEqual(["green", "lunch"]);
});

test("a message whose handler failed comes again, and the error is told", async () => {
  const { shim } = await connect();
  await shim.coordinator.registerChat("carl");
  const tries: unknown[] = [];
  const errors: unknown[] = [];
  const onMessage = async ({ body }: Message) => {
    tries.push(body);
    if (tries.length < 3) throw new Error("not yet");
  };
  shim.messageBus.subscribe("carl", onMessage, { ...POLL, onError: (error) => errors.push(error) });
  await shim.messageBus.publish("session:carl", "work");
  await count(tries, 3);
  await eventually("it is acknowledged", async () => (await shim.messageBus.read("carl")).cursor === null);
  expect(tries).toEqual(["work", "work", "work"]);
  expect(errors.map(String)).toEqual(["Error: not yet", "Error: not yet"]);
});

test("what a chat did not acknowledge waits for it until it is registered again", async () => {
  const { shim, fleet } = await connect();
  await shim.coordinator.registerChat("dora");
  await shim.messageBus.publish("session:dora", "first");
  const { messages, cursor } = await shim.messageBus.read("dora");
  expect(messages).toMatchObject([{ body: "first" }]);
  await shim.messageBus.publish("session:dora", "second");
  await shim.messageBus.acknowledge("dora", cursor ?? "");
  await shim.coordinator.endChat("dora");
  await shim.close();
  expect(() => shim.messageBus.subscribe("dora", () => undefined)).toThrow("no chat dora");

  const { shim: later } = await connect(fleet);
  await later.messageBus.publish("session:dora", "third");
  await later.coordinator.registerChat("dora");
  const heard: unknown[] = [];
  later.messageBus.subscribe("dora", ({ body }) => void heard.push(body), POLL);
  await count(heard, 2);
  expect(heard).toEqual(["second", "third"]);
});

test("after closing, nothing is heard any more and what came stays unread", async () => {
  const { shim } = await connect();
  await shim.coordinator.registerChat("eve");
  const heard: unknown[] = [];
  const subscription = shim.messageBus.subscribe("eve", ({ body }) => void heard.push(body), POLL);
  await shim.messageBus.publish("session:eve", 1);
  await count(heard, 1);
  await subscription.close();
  await shim.messageBus.publish("session:eve", 2);
  const { messages } = await shim.messageBus.read("eve");
  expect(messages.at(-1)).toMatchObject({ body: 2 });
  expect(heard).toEqual([1]);
});

test("a message to nobody is refused, and says so", async () => {
  const { shim } = await connect();
  await expect(shim.messageBus.publish("session:nobody", 1)).rejects.toMatchObject({
    problem: { status: 404, code: "session.not_found" },
  });
});
