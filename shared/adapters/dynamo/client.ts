import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { AWS_CLIENT_OPTIONS } from "../aws/client-options.ts";

/** A client whose retries and waiting are bounded; region, credentials and endpoint come from the environment. */
export function createDynamoClient(): DynamoDBClient {
  return new DynamoDBClient(AWS_CLIENT_OPTIONS);
}
