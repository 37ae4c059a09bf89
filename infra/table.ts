import "./link-without-grants.ts";
import { isPermanentStage } from "./stage.ts";

/** The record: every fact whose loss would matter. On demand, with point-in-time recovery (SST's defaults). */
export const record = new sst.aws.Dynamo("Record", {
  fields: { pk: "string", sk: "string", openPk: "string", openSk: "string" },
  primaryIndex: { hashKey: "pk", rangeKey: "sk" },
  globalIndexes: { open: { hashKey: "openPk", rangeKey: "openSk", projection: "keys-only" } },
  ttl: "expiresAt",
  deletionProtection: isPermanentStage($app.stage),
});
