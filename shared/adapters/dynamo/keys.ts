import { createHash } from "node:crypto";

/** Where an item lies. Ids never contain `#`, so no key of one fleet is ever a key of another. */
export type Key = { readonly pk: string; readonly sk: string };

/** Partitions of each kind of entry in the index `open`, so that no fleet writes to one alone. */
export const OPEN_SHARDS = 8;
/** Partitions of a fleet's group documents. */
export const GROUP_SHARDS = 4;
/** Partitions of a day's units. */
export const UNIT_SHARDS = 4;

/** Which of `shards` partitions an entry belongs to. Stored items depend on it: it must never change. */
export function shardOf(id: string, shards: number): number {
  return createHash("sha256").update(id).digest().readUInt32BE(0) % shards;
}

const fleetPart = (fleet: string) => `F#${fleet}`;
const hostPart = (fleet: string, host: string) => `${fleetPart(fleet)}#HOST#${host}`;
const sessionPart = (fleet: string, session: string) => `${fleetPart(fleet)}#SES#${session}`;
const taskPart = (fleet: string, task: string) => `${fleetPart(fleet)}#TASK#${task}`;
const logPart = (fleet: string, log: string) => `${fleetPart(fleet)}#LOG#${log}`;
const groupPart = (fleet: string, group: string) => `${fleetPart(fleet)}#GROUP#${group}`;

/** Prefixes of sort keys within a partition. */
export const SORT_PREFIX = {
  edge: "EDGE#",
  payload: "PAYLOAD#",
  open: "OPEN#",
  closed: "CLOSED#",
  message: "MSG#",
  signals: "SIG#",
  zone: "ZONE#",
} as const;

/** Digits of a number in a sort key, so that the keys are in the order of the numbers. */
const NUMBER_DIGITS = 15;

/** A number from 0 on as a part of a sort key. */
export function inOrder(number: number): string {
  return String(number).padStart(NUMBER_DIGITS, "0");
}

/** Names a unit of a fleet: a start of a session, or a task as often as it was redriven. */
type UnitName = { readonly kind: "task" | "session"; readonly id: string; readonly generation: number };
const unitSort = ({ kind, id, generation }: UnitName) => `${kind}#${id}#${generation}`;

/** Partitions that are listed. */
export const PARTITION = {
  fleets: "FLEETS",
  keys: (fleet: string) => `${fleetPart(fleet)}#KEYS`,
  task: taskPart,
  groups: (fleet: string, shard: number) => `${fleetPart(fleet)}#GROUPS#${shard}`,
  group: groupPart,
  log: logPart,
  host: hostPart,
  session: sessionPart,
  units: (fleet: string, day: number, shard: number) => `${fleetPart(fleet)}#UNITS#${day}#${shard}`,
  exposed: (fleet: string, experiment: string, day: number, shard: number) =>
    `${fleetPart(fleet)}#EXPOSED#${experiment}#${day}#${shard}`,
  experiments: (fleet: string) => `${fleetPart(fleet)}#EXPERIMENTS`,
};

/** Partitions of the index `open`. */
export const OPEN_PARTITION = {
  tasks: (fleet: string, shard: number) => `${fleetPart(fleet)}#OPEN#${shard}`,
  dead: (fleet: string, shard: number) => `${fleetPart(fleet)}#DEAD#${shard}`,
  live: (fleet: string, shard: number) => `${fleetPart(fleet)}#LIVE#${shard}`,
  past: (fleet: string, shard: number) => `${fleetPart(fleet)}#PAST#${shard}`,
};

export const KEY = {
  fleet: (fleet: string): Key => ({ pk: PARTITION.fleets, sk: fleet }),
  apiKey: (fleet: string, id: string): Key => ({ pk: PARTITION.keys(fleet), sk: id }),
  host: (fleet: string, id: string): Key => ({ pk: hostPart(fleet, id), sk: "HEAD" }),
  session: (fleet: string, id: string): Key => ({ pk: sessionPart(fleet, id), sk: "HEAD" }),
  task: (fleet: string, id: string): Key => ({ pk: taskPart(fleet, id), sk: "HEAD" }),
  payload: (fleet: string, task: string, name: string): Key => ({
    pk: taskPart(fleet, task),
    sk: SORT_PREFIX.payload + name,
  }),
  edge: (fleet: string, dependency: string, dependent: string): Key => ({
    pk: taskPart(fleet, dependency),
    sk: SORT_PREFIX.edge + dependent,
  }),
  group: (fleet: string, group: string): Key => ({
    pk: PARTITION.groups(fleet, shardOf(group, GROUP_SHARDS)),
    sk: group,
  }),
  submission: (fleet: string, group: string, which: "open" | "closed", id: string): Key => ({
    pk: groupPart(fleet, group),
    sk: SORT_PREFIX[which] + id,
  }),
  answer: (fleet: string, key: string): Key => ({ pk: `${fleetPart(fleet)}#ANSWER#${key}`, sk: "ANSWER" }),
  newestMessage: (fleet: string, log: string): Key => ({ pk: logPart(fleet, log), sk: "HEAD" }),
  message: (fleet: string, log: string, number: number): Key => ({
    pk: logPart(fleet, log),
    sk: SORT_PREFIX.message + inOrder(number),
  }),
  messageBody: (fleet: string, log: string, id: string): Key => ({
    pk: logPart(fleet, log),
    sk: `BODY#${id}`,
  }),
  ticket: (fleet: string, id: string): Key => ({ pk: `${fleetPart(fleet)}#TICKET#${id}`, sk: "HEAD" }),
  inbox: (fleet: string, session: string): Key => ({
    pk: `${fleetPart(fleet)}#INBOX#${session}`,
    sk: "HEAD",
  }),
  semaphore: (fleet: string, id: string): Key => ({ pk: `${fleetPart(fleet)}#SEM#${id}`, sk: "HEAD" }),
  performance: (fleet: string, session: string): Key => ({
    pk: sessionPart(fleet, session),
    sk: "PERFORMANCE",
  }),
  journal: (fleet: string, session: string): Key => ({ pk: sessionPart(fleet, session), sk: "JOURNAL" }),
  signals: (fleet: string, host: string, minute: number): Key => ({
    pk: hostPart(fleet, host),
    sk: SORT_PREFIX.signals + inOrder(minute),
  }),
  zone: (fleet: string, session: string, atMs: number): Key => ({
    pk: sessionPart(fleet, session),
    sk: SORT_PREFIX.zone + inOrder(atMs),
  }),
  checkpoint: (fleet: string, session: string): Key => ({
    pk: sessionPart(fleet, session),
    sk: "CHECKPOINT",
  }),
  filedCheckpoint: (fleet: string, session: string, sequence: number): Key => ({
    pk: sessionPart(fleet, session),
    sk: `CKPT#${inOrder(sequence)}`,
  }),
  checkpointBody: (fleet: string, session: string, name: string): Key => ({
    pk: sessionPart(fleet, session),
    sk: `CKBODY#${name}`,
  }),
  taskCheckpoint: (fleet: string, task: string): Key => ({ pk: taskPart(fleet, task), sk: "CHECKPOINT" }),
  unit: (fleet: string, day: number, unit: UnitName): Key => ({
    pk: PARTITION.units(fleet, day, shardOf(unit.id, UNIT_SHARDS)),
    sk: unitSort(unit),
  }),
  exposed: (fleet: string, experiment: string, day: number, unit: UnitName): Key => ({
    pk: PARTITION.exposed(fleet, experiment, day, shardOf(unit.id, UNIT_SHARDS)),
    sk: unitSort(unit),
  }),
  experiment: (fleet: string, id: string): Key => ({ pk: PARTITION.experiments(fleet), sk: id }),
  rollup: (fleet: string, day: number): Key => ({ pk: `${fleetPart(fleet)}#ROLLUP#${day}`, sk: "ROLLUP" }),
  nightReport: (fleet: string): Key => ({ pk: `${fleetPart(fleet)}#REPORT`, sk: "REPORT" }),
  sweep: (): Key => ({ pk: "SWEEP", sk: "SWEEP" }),
};
