import { expect, test } from "vitest";
import { MESSAGE_BYTES_LIMIT } from "../../shared/contract/limits.ts";
import type { InboxRecord, MessageRecord, TicketRecord } from "../../shared/contract/records.ts";
import { newFleet } from "./record-fixtures.ts";
import { committed } from "./record-suite.ts";
import type { RecordWorld } from "./record-worlds.ts";

const AT_MS = Date.UTC(2030, 0, 1);

const aMessage = (fleet: string, over: Partial<MessageRecord> = {}): MessageRecord => ({
  v: 1,
  rev: 0,
  fleet,
  log: "topic:news:a/b@c",
  id: "msg_1",
  from: "operator",
  body: { at: "inline", json: '{"größe":[]}' },
  bytes: 13,
  sentAtMs: AT_MS,
  expiresAtMs: AT_MS + 86_400_000,
  ...over,
});

const aTicket = (fleet: string): TicketRecord => ({
  v: 1,
  rev: 0,
  fleet,
  id: "msg_1",
  log: "*",
  number: 1,
  sentAtMs: AT_MS,
  expiresAtMs: AT_MS + 86_400_000,
});

const anInbox = (fleet: string, over: Partial<InboxRecord> = {}): InboxRecord => ({
  v: 1,
  rev: 0,
  fleet,
  session: "ses_1",
  positions: { "*": 3, "session:ses_1": 0, "topic:news:a/b@c": 12 },
  ...over,
});

/** What every store of messages and inboxes promises. */
export function testMessages(world: () => RecordWorld): void {
  test("of two messages that want one number, one gets it", async () => {
    const { messages } = world().record;
    const fleet = newFleet();
    const both = await Promise.all(
      ["msg_a", "msg_b"].map((id) => messages.commit(null, aMessage(fleet, { id }))),
    );
    const [winner, ...others] = both.filter((message) => message !== null);
    expect(others).toEqual([]);
    expect(winner?.rev).toBe(1);
    expect(await messages.newest(fleet, ["topic:news:a/b@c"])).toEqual([winner]);
  });

  test("the newest of many logs are read at once, and each fleet and log has its own", async () => {
    const { messages } = world().record;
    const fleet = newFleet();
    const logs = ["*", "session:a", "session:A", "topic:a"];
    for (const log of logs) await committed(messages.commit, null, aMessage(fleet, { log }));
    await committed(messages.commit, null, aMessage(newFleet(), { log: "*", id: "msg_other" }));
    const found = await messages.newest(fleet, ["session:none", ...logs]);
    expect(found.map(({ log }) => log).sort()).toEqual([...logs].sort());
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set(["msg_1"]));
    expect(await messages.newest(fleet, [])).toEqual([]);
  });

  test("filed messages are read in the order of their numbers, past 9 and 99 too, from any number on", async () => {
    const { messages } = world().record;
    const fleet = newFleet();
    const numbers = [100, 9, 2, 11, 99, 10];
    for (const rev of numbers) await messages.put(aMessage(fleet, { rev, id: `msg_${rev}` }));
    await messages.put(aMessage(fleet, { rev: 9, id: "msg_9" }));
    await messages.put(aMessage(fleet, { rev: 50, log: "topic:news" }));
    const read = async (after: number, limit: number) =>
      (await messages.range(fleet, "topic:news:a/b@c", after, limit)).map(({ rev }) => rev);
    expect(await read(0, 100)).toEqual([2, 9, 10, 11, 99, 100]);
    expect(await read(9, 3)).toEqual([10, 11, 99]);
    expect(await read(100, 3)).toEqual([]);
    expect(await messages.filed(fleet, "topic:news:a/b@c", 11)).toEqual(
      aMessage(fleet, { rev: 11, id: "msg_11" }),
    );
    expect(await messages.filed(fleet, "topic:news:a/b@c", 12)).toBeNull();
  });

  test("bodies of any size come back as they were, in order", async () => {
    const { messages } = world().record;
    const fleet = newFleet();
    const values = [null, "x".repeat(5_000), { a: [], ö: [1.5, {}] }, "y".repeat(MESSAGE_BYTES_LIMIT - 2)];
    const kept: MessageRecord[] = [];
    for (const [index, value] of values.entries()) {
      const message = aMessage(fleet, { id: `msg_${index}`, log: index < 2 ? "*" : "session:a" });
      kept.push({ ...message, body: await messages.putBody(message, JSON.stringify(value)) });
    }
    expect(kept.map(({ body }) => body.at)).toEqual(["inline", "item", "inline", "item"]);
    expect((await messages.bodies(kept)).map((json) => JSON.parse(json ?? "") as unknown)).toEqual(values);
    const gone = aMessage(fleet, { body: { at: "item", key: "msg_gone" } });
    expect(await messages.bodies([gone])).toEqual([null]);
  });

  test("tickets and inboxes are replaced whole, and one of two writers wins", async () => {
    const { messages, inboxes } = world().record;
    const fleet = newFleet();
    const ticket = await committed(messages.tickets.commit, null, aTicket(fleet));
    expect(await messages.tickets.commit(null, { ...ticket, number: 2 })).toBeNull();
    const moved = await committed(messages.tickets.commit, ticket, { ...ticket, number: 3 });
    expect(await messages.tickets.get(fleet, "msg_1")).toEqual(moved);
    expect(await messages.tickets.get(newFleet(), "msg_1")).toBeNull();

    const inbox = await committed(inboxes.commit, null, anInbox(fleet));
    const read = await committed(inboxes.commit, inbox, { ...inbox, positions: { "*": 4 } });
    expect(await inboxes.commit(inbox, { ...inbox, positions: {} })).toBeNull();
    expect(await inboxes.get(fleet, "ses_1")).toEqual(read);
    expect(await inboxes.getMany(fleet, ["ses_2", "ses_1"])).toEqual([read]);
  });
}
