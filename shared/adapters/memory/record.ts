import {
  AnswerRecord,
  FleetRecord,
  GroupRecord,
  HostRecord,
  JournalRecord,
  KeyRecord,
  PerformanceRecord,
  SemaphoreRecord,
  SessionRecord,
  SweepRecord,
  TaskRecord,
} from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type {
  AnswerStore,
  EdgeStore,
  GroupStore,
  RecordStore,
  SessionStore,
  TaskStore,
} from "../../ports/record.ts";
import { createMemoryCheckpoints } from "./record-checkpoints.ts";
import { createMemoryDocuments } from "./record-documents.ts";
import { createMemoryExperiments } from "./record-experiments.ts";
import { createMemoryListing } from "./record-listing.ts";
import { createMemoryInboxes, createMemoryMessages } from "./record-messages.ts";
import { createMemoryPayloads } from "./record-payloads.ts";
import { createMemoryRollups } from "./record-rollups.ts";
import { createMemorySignals } from "./record-signals.ts";
import { createMemorySubmissions } from "./record-submissions.ts";
import { createMemoryUnits } from "./record-units.ts";

const keyOf = (fleet: string, id: string) => `${fleet}#${id}`;
const keyOfDocument = (document: { fleet: string; id: string }) => keyOf(document.fleet, document.id);

function createSessions(): SessionStore {
  const listing = createMemoryListing();
  const place = (fleet: string, which: "live" | "past") => `${fleet}#${which}`;
  const sessions = createMemoryDocuments({
    schema: SessionRecord,
    keyOf: keyOfDocument,
    written({ fleet, id, state }) {
      const past = state === "crashed" || state === "ended";
      listing.leave(place(fleet, past ? "live" : "past"), id);
      listing.enter(place(fleet, past ? "past" : "live"), id);
    },
  });
  return {
    get: async (fleet, id) => sessions.get(keyOf(fleet, id)),
    getMany: async (fleet, ids) => sessions.getMany(ids.map((id) => keyOf(fleet, id))),
    commit: sessions.commit,
    list: async (fleet, which, cursor, limit) => listing.page(place(fleet, which), cursor, limit),
  };
}

/** `waitingOn` is a set: it reads back sorted, like a set of the real store. */
const TaskDocument = {
  parse(value: unknown): TaskRecord {
    const task = TaskRecord.parse(value);
    return task.state === "blocked" ? { ...task, waitingOn: [...new Set(task.waitingOn)].sort() } : task;
  },
};

function createTasks(): TaskStore {
  const open = createMemoryListing();
  const dead = createMemoryListing();
  const tasks = createMemoryDocuments({
    schema: TaskDocument,
    keyOf: keyOfDocument,
    written(task) {
      const done = "effectsPending" in task && !task.effectsPending;
      if (done) open.leave(task.fleet, task.id);
      else open.enter(task.fleet, task.id);
      if (done && task.state === "failed") dead.enter(task.fleet, task.id);
      else dead.leave(task.fleet, task.id);
    },
  });
  return {
    get: async (fleet, id) => tasks.get(keyOf(fleet, id)),
    getMany: async (fleet, ids) => tasks.getMany(ids.map((id) => keyOf(fleet, id))),
    commit: tasks.commit,
    async strike(fleet, id, dependency) {
      const task = tasks.get(keyOf(fleet, id));
      if (task?.state !== "blocked" || !task.waitingOn.includes(dependency)) return task;
      return tasks.replace({ ...task, waitingOn: task.waitingOn.filter((other) => other !== dependency) });
    },
    listOpen: async (fleet, cursor, limit) => open.page(fleet, cursor, limit),
    listDead: async (fleet, cursor, limit) => dead.page(fleet, cursor, limit),
  };
}

function createEdges(): EdgeStore {
  const listing = createMemoryListing();
  return {
    async add(fleet, dependency, dependent) {
      listing.enter(keyOf(fleet, dependency), dependent);
    },
    close: async () => undefined,
    list: async (fleet, dependency, cursor, limit) => listing.page(keyOf(fleet, dependency), cursor, limit),
  };
}

function createGroups(): GroupStore {
  const listing = createMemoryListing();
  const groups = createMemoryDocuments({
    schema: GroupRecord,
    keyOf: ({ fleet, group }) => keyOf(fleet, group),
    written({ fleet, group }) {
      listing.enter(fleet, group);
    },
  });
  return {
    get: async (fleet, group) => groups.get(keyOf(fleet, group)),
    commit: groups.commit,
    async list(fleet, cursor, limit) {
      const page = listing.page(fleet, cursor, limit);
      return { items: groups.getMany(page.items.map((group) => keyOf(fleet, group))), cursor: page.cursor };
    },
  };
}

function createAnswers(clock: Pick<Clock, "nowMs">): AnswerStore {
  const stored = new Map<string, AnswerRecord>();
  const get = (fleet: string, key: string): AnswerRecord | null => {
    const answer = stored.get(keyOf(fleet, key));
    return answer === undefined || answer.expiresAtMs < clock.nowMs() ? null : structuredClone(answer);
  };
  return {
    get: async (fleet, key) => get(fleet, key),
    async keep(answer) {
      const before = get(answer.fleet, answer.key);
      if (before !== null && before.answer !== null) return before;
      const kept = AnswerRecord.parse(answer);
      stored.set(keyOf(kept.fleet, kept.key), structuredClone(kept));
      return kept;
    },
    async drop(fleet, key) {
      if (stored.get(keyOf(fleet, key))?.answer === null) stored.delete(keyOf(fleet, key));
    },
  };
}

/** The record in this process's memory: for simulation and fast tests. Listings are in order of entry. */
export function createMemoryRecord(clock: Pick<Clock, "nowMs">): RecordStore {
  const fleets = createMemoryDocuments({ schema: FleetRecord, keyOf: ({ fleet }) => fleet });
  const keys = createMemoryDocuments({ schema: KeyRecord, keyOf: keyOfDocument });
  const hosts = createMemoryDocuments({ schema: HostRecord, keyOf: keyOfDocument });
  const semaphores = createMemoryDocuments({ schema: SemaphoreRecord, keyOf: keyOfDocument });
  const performances = createMemoryDocuments({
    schema: PerformanceRecord,
    keyOf: ({ fleet, session }) => keyOf(fleet, session),
  });
  const journals = createMemoryDocuments({
    schema: JournalRecord,
    keyOf: ({ fleet, session }) => keyOf(fleet, session),
  });
  const sweep = createMemoryDocuments({ schema: SweepRecord, keyOf: () => "sweep" });
  return {
    fleets: {
      get: async (fleet) => fleets.get(fleet),
      commit: fleets.commit,
      list: async () => fleets.all(),
    },
    keys: {
      get: async (fleet, id) => keys.get(keyOf(fleet, id)),
      commit: keys.commit,
      list: async (fleet) => keys.all().filter((key) => key.fleet === fleet),
    },
    hosts: { get: async (fleet, id) => hosts.get(keyOf(fleet, id)), commit: hosts.commit },
    sessions: createSessions(),
    tasks: createTasks(),
    edges: createEdges(),
    groups: createGroups(),
    submissions: createMemorySubmissions(),
    payloads: createMemoryPayloads(),
    answers: createAnswers(clock),
    messages: createMemoryMessages(),
    inboxes: createMemoryInboxes(),
    semaphores: {
      get: async (fleet, id) => semaphores.get(keyOf(fleet, id)),
      getMany: async (fleet, ids) => semaphores.getMany(ids.map((id) => keyOf(fleet, id))),
      commit: semaphores.commit,
    },
    performances: {
      get: async (fleet, session) => performances.get(keyOf(fleet, session)),
      getMany: async (fleet, sessions) =>
        performances.getMany(sessions.map((session) => keyOf(fleet, session))),
      commit: performances.commit,
    },
    signals: createMemorySignals(),
    checkpoints: createMemoryCheckpoints(),
    journals: {
      get: async (fleet, session) => journals.get(keyOf(fleet, session)),
      commit: journals.commit,
    },
    units: createMemoryUnits(),
    rollups: createMemoryRollups(),
    experiments: createMemoryExperiments(),
    sweep: { get: async () => sweep.get("sweep"), commit: sweep.commit },
  };
}
