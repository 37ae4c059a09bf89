import { randomUUID } from "node:crypto";
import type {
  AnswerRecord,
  FleetRecord,
  GroupRecord,
  HostRecord,
  KeyRecord,
  SessionRecord,
  SubmissionRecord,
  SweepRecord,
  TaskIn,
} from "../../shared/contract/records.ts";

const AT_MS = Date.UTC(2030, 0, 1);

/** A fleet of its own for each test, so that no test sees another's items. */
export const newFleet = (): string => `fleet-${randomUUID()}`;

export const aFleet = (fleet: string, over: Partial<FleetRecord> = {}): FleetRecord => ({
  v: 1,
  rev: 0,
  fleet,
  profile: "standard",
  autoBalance: true,
  sessionsQuota: 100,
  openTasksQuota: 1_000,
  sessionsFull: false,
  openTasksFull: false,
  createdAtMs: AT_MS,
  ...over,
});

export const aKey = (fleet: string, over: Partial<KeyRecord> = {}): KeyRecord => ({
  v: 1,
  rev: 0,
  fleet,
  id: "key_1",
  scope: "agent",
  name: null,
  secretHash: "00ff",
  createdAtMs: AT_MS,
  expiresAtMs: null,
  revokedAtMs: null,
  ...over,
});

export const aHost = (fleet: string, over: Partial<HostRecord> = {}): HostRecord => ({
  v: 1,
  rev: 0,
  fleet,
  id: "host-1",
  boot: "boot-1",
  sessions: [],
  registeredAtMs: AT_MS,
  ...over,
});

export const aSession = (fleet: string, over: Partial<SessionRecord> = {}): SessionRecord => ({
  v: 1,
  rev: 0,
  fleet,
  id: "ses_1",
  host: "host-1",
  boot: "boot-1",
  agent: "claude-code",
  state: "live",
  epoch: 1,
  labels: { "team/a": "größe" },
  capabilities: ["lang:ts"],
  capacity: 3,
  cwd: "/srv",
  held: { "task_1.a": 4 },
  stopping: {},
  endsAs: null,
  restartAsked: false,
  restarts: 0,
  keyId: "key_1",
  registration: null,
  startedAtMs: AT_MS,
  lastBeatAtMs: null,
  endedAtMs: null,
  cause: null,
  ...over,
});

const TASK = {
  v: 1 as const,
  rev: 0,
  id: "task_1",
  type: "build",
  priority: 5,
  group: "nightly:a/b@c+d",
  key: null,
  requires: [],
  affinity: null,
  dependsOn: [],
  maxAttempts: 3,
  timeoutMs: null,
  data: { at: "inline" as const, json: '{"a":1}' },
  bodyHash: "hash",
  submission: { id: "sub_1", index: 0 },
  fence: 0,
  attempt: 0,
  placements: 0,
  redrives: 0,
  settledBy: null,
  progress: null,
  error: null,
  createdAtMs: AT_MS,
  startedAtMs: null,
};

export const aQueuedTask = (fleet: string, over: Partial<TaskIn<"queued">> = {}): TaskIn<"queued"> => ({
  ...TASK,
  fleet,
  state: "queued",
  notBeforeMs: AT_MS,
  ...over,
});

export const aBlockedTask = (fleet: string, over: Partial<TaskIn<"blocked">> = {}): TaskIn<"blocked"> => ({
  ...TASK,
  fleet,
  state: "blocked",
  waitingOn: ["dep_1", "dep_2"],
  ...over,
});

export const aCompletedTask = (
  fleet: string,
  over: Partial<TaskIn<"completed">> = {},
): TaskIn<"completed"> => ({
  ...TASK,
  fleet,
  state: "completed",
  fence: 2,
  attempt: 1,
  startedAtMs: AT_MS,
  endedAtMs: AT_MS + 1_000,
  result: { at: "inline", json: "null" },
  evidence: null,
  settledBy: { session: "ses_1", epoch: 1, fence: 1, bodyHash: "hash" },
  effectsPending: true,
  ...over,
});

export const aFailedTask = (fleet: string, over: Partial<TaskIn<"failed">> = {}): TaskIn<"failed"> => ({
  ...TASK,
  fleet,
  state: "failed",
  fence: 2,
  attempt: 3,
  endedAtMs: AT_MS + 1_000,
  error: { message: "no" },
  effectsPending: true,
  ...over,
});

export const aGroup = (fleet: string, over: Partial<GroupRecord> = {}): GroupRecord => ({
  v: 1,
  rev: 0,
  fleet,
  group: "-",
  open: true,
  totals: { total: 0, completed: 0, failed: 0, cancelled: 0 },
  rolling: [],
  ...over,
});

export const aSubmission = (fleet: string, over: Partial<SubmissionRecord> = {}): SubmissionRecord => ({
  v: 1,
  fleet,
  group: "nightly:a/b@c+d",
  id: "sub_1",
  members: ["task_1", "task_2", "task_3"],
  completed: [],
  failed: [],
  cancelled: [],
  void: [],
  adjust: { total: 0, completed: 0, failed: 0, cancelled: 0 },
  createdAtMs: AT_MS,
  ...over,
});

export const anAnswer = (fleet: string, over: Partial<AnswerRecord> = {}): AnswerRecord => ({
  v: 1,
  fleet,
  key: "POST /v1/tasks#abc",
  requestHash: "hash",
  answer: { status: 202, sealed: "sealed" },
  expiresAtMs: AT_MS + 86_400_000,
  ...over,
});

/** There is one sweep, whatever the fleet: `fleet` only fills the document. */
export const aSweep = (over: Partial<SweepRecord> = {}): SweepRecord => ({
  v: 1,
  rev: 0,
  fleet: "default",
  holder: "sweep-1",
  untilMs: AT_MS + 60_000,
  tickAtMs: AT_MS,
  cursors: { sessions: null, tasks: "3.task_1", groups: null, seen: { sessions: 3, tasks: 200 } },
  repairing: null,
  rebuild: false,
  ...over,
});
