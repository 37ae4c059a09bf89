import { expect, test } from "vitest";
import * as z from "zod/mini";
import { HeartbeatAnswer } from "../../shared/contract/heartbeat-answer.ts";
import { RegisterAnswer } from "../../shared/contract/session.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { FLEET } from "../fixtures/memory-world.ts";
import { anExperiment, tune } from "../fixtures/tuning.ts";
import { must } from "./cast.ts";

const cloud = useEmbeddedCloud({ profile: "standard" });
const MINUTE = 60_000;
const interval = anExperiment({
  ...{ parameter: "checkpointIntervalMs", unit: "session" },
  ...{ control: 10 * MINUTE, treatment: 5 * MINUTE },
});

/** The stores of this cloud: its modules are there once it runs. */
const portsOf = async () => (await import("../../shared/runtime/all-ports.ts")).allPorts();

async function register(id: string) {
  const body = { id, host: `h-${id}`, boot: "b1", agent: "test" };
  return z.parse(RegisterAnswer, await must(cloud(), "POST", "/v1/sessions", { body }));
}

async function beat({ session: { id, epoch }, hostToken }: RegisterAnswer, seq: number, config?: number) {
  const body = { host: `h-${id}`, boot: "b1", seq, sessions: [{ id, epoch, config }] };
  const answer = await must(cloud(), "POST", "/v1/heartbeat", { key: hostToken, body });
  return z.parse(HeartbeatAnswer, answer).sessions[0]?.commands ?? [];
}

test("sessions are registered in both arms, tell that they used theirs, and learn that it was taken back", async () => {
  const ports = await portsOf();
  await tune({ ports }, { active: [interval] });
  const registered = [];
  for (let i = 0; i < 12; i++) registered.push(await register(`s${i}`));
  const given = ({ config }: RegisterAnswer) => config.parameters?.checkpointIntervalMs;
  expect(new Set(registered.map(given))).toEqual(new Set([5 * MINUTE, 10 * MINUTE]));
  expect(new Set(registered.map(({ config }) => config.experiments?.join()))).toEqual(
    new Set(["checkpointIntervalMs"]),
  );

  const treated = registered.find((one) => given(one) === 5 * MINUTE);
  if (!treated) throw new Error("Nobody is treated.");
  const { id } = treated.session;
  const body = { parameters: ["checkpointIntervalMs"] };
  for (let i = 0; i < 2; i++)
    expect(await must(cloud(), "POST", `/v1/sessions/${id}/exposures`, { key: treated.token, body })).toEqual(
      {},
    );
  const used = { [interval.id]: { variant: "treatment", stage: 1 } };
  expect((await ports.record.sessions.get(FLEET, id))?.exposures).toMatchObject(used);

  const { version = -1 } = treated.config;
  expect(await beat(treated, 1, version)).toEqual([]);
  await tune({ ports }, {});
  const { reconfigureSessions } = await import("../../shared/operations/reconfigure-sessions.ts");
  expect(await reconfigureSessions(ports, FLEET, interval)).toBe(
    registered.filter((one) => given(one) === 5 * MINUTE).length,
  );
  const [command] = await beat(treated, 2, version);
  if (command?.type !== "config" || command.version === undefined) throw new Error("It was told nothing.");
  expect(command.parameters?.checkpointIntervalMs).toBe(10 * MINUTE);
  expect(await beat(treated, 3), "an agent of before").toEqual([]);
  expect(await beat(treated, 4, command.version)).toEqual([]);
  // The tokens that came along are as good as those before.
  await must(cloud(), "POST", `/v1/sessions/${id}/claim`, { key: command.token, body: {} });
});
