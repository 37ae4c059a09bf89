import { testRecord } from "./record-suite.ts";
import { startDynamoWorld, startMemoryWorld } from "./record-worlds.ts";

testRecord("memory", startMemoryWorld);
testRecord("DynamoDB and S3", startDynamoWorld);
