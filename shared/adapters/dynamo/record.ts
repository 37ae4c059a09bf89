import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { Clock } from "../../ports/ports.ts";
import type { RecordStore } from "../../ports/record.ts";
import type { ObjectStore } from "../s3/object-store.ts";
import { createAnswers } from "./answers.ts";
import { createApiKeys } from "./api-keys.ts";
import { createEdges } from "./edges.ts";
import { createFleets } from "./fleets.ts";
import { createGroups } from "./groups.ts";
import { createHosts } from "./hosts.ts";
import { createInboxes, createMessages } from "./messages.ts";
import { createPayloadExpiry } from "./payload-expiry.ts";
import { createPayloads } from "./payloads.ts";
import { createSemaphores } from "./semaphores.ts";
import { createSessions } from "./sessions.ts";
import { createSubmissions } from "./submissions.ts";
import { createSweep } from "./sweep.ts";
import { createTable } from "./table.ts";
import { createTasks } from "./tasks.ts";

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
  return {
    fleets: createFleets(table),
    keys: createApiKeys(table),
    hosts: createHosts(table),
    sessions: createSessions(table, options.clock),
    tasks: createTasks(table, createPayloadExpiry(table)),
    edges: createEdges(table),
    groups: createGroups(table),
    submissions: createSubmissions(table),
    payloads: createPayloads(table, options.objects),
    answers: createAnswers(table, options.clock),
    messages: createMessages(table),
    inboxes: createInboxes(table, options.clock),
    semaphores: createSemaphores(table, options.clock),
    sweep: createSweep(table),
  };
}
