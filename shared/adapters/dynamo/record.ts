import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { Clock } from "../../ports/ports.ts";
import type { RecordStore } from "../../ports/record.ts";
import type { ObjectStore } from "../s3/object-store.ts";
import { createAnswers } from "./answers.ts";
import { createApiKeys } from "./api-keys.ts";
import { createCheckpoints } from "./checkpoints.ts";
import { createEdges } from "./edges.ts";
import { createExperiments } from "./experiments.ts";
import { createFleets } from "./fleets.ts";
import { createGroups } from "./groups.ts";
import { createHosts } from "./hosts.ts";
import { createJournals } from "./journals.ts";
import { createInboxes, createMessages } from "./messages.ts";
import { createPayloads } from "./payloads.ts";
import { createPerformances } from "./performances.ts";
import { createRetentionOf } from "./retention.ts";
import { createRollups } from "./rollups.ts";
import { createSemaphores } from "./semaphores.ts";
import { createSessions } from "./sessions.ts";
import { createSignals } from "./signals.ts";
import { createSubmissions } from "./submissions.ts";
import { createSweep } from "./sweep.ts";
import { createTable } from "./table.ts";
import { createTasks } from "./tasks.ts";
import { createUnits } from "./units.ts";

/**
 * The record over one DynamoDB table (pk, sk; sparse index `open`) and a store of objects for large payloads.
 * Every method throws `StoreUnavailable` when either does not answer after the client's retries.
 */
export function createDynamoRecord(options: {
  client: DynamoDBClient;
  table: string;
  objects: ObjectStore;
  clock: Pick<Clock, "nowMs">;
}): RecordStore {
  const table = createTable(options.client, options.table);
  const { clock } = options;
  const fleets = createFleets(table);
  const retentionOf = createRetentionOf(fleets, clock);
  return {
    fleets,
    keys: createApiKeys(table),
    hosts: createHosts(table),
    sessions: createSessions(table, retentionOf, clock),
    tasks: createTasks(table, retentionOf),
    edges: createEdges(table, retentionOf, clock),
    groups: createGroups(table, retentionOf, clock),
    submissions: createSubmissions(table, retentionOf, clock),
    payloads: createPayloads(table, options.objects, retentionOf, clock),
    answers: createAnswers(table, clock),
    messages: createMessages(table),
    inboxes: createInboxes(table, clock),
    semaphores: createSemaphores(table, clock),
    performances: createPerformances(table, clock),
    signals: createSignals(table),
    checkpoints: createCheckpoints(table, options.objects, clock),
    journals: createJournals(table, clock),
    units: createUnits(table),
    rollups: createRollups(table),
    experiments: createExperiments(table),
    sweep: createSweep(table),
  };
}
