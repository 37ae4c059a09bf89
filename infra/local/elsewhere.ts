import { StartError } from "./start-error.ts";

/** Stores of another implementation, or of another machine, that are used instead of embedded ones. */
export type Elsewhere = {
  /** Of DynamoDB. */
  readonly dynamo?: string;
  /** Of SQS and S3. */
  readonly queuesAndObjects?: string;
};

/** Where the environment says that stores are. Throws `StartError` if one is no HTTP address. */
export function readElsewhere(environment: NodeJS.ProcessEnv): Elsewhere {
  const { SHIM_DYNAMODB_ENDPOINT, SHIM_AWS_ENDPOINT } = environment;
  return {
    dynamo: address("SHIM_DYNAMODB_ENDPOINT", SHIM_DYNAMODB_ENDPOINT),
    queuesAndObjects: address("SHIM_AWS_ENDPOINT", SHIM_AWS_ENDPOINT),
  };
}

function address(name: string, value: string | undefined): string | undefined {
  if (value === undefined || value === "") return undefined;
  const url = URL.parse(value);
  if (url && /^https?:$/.test(url.protocol)) return url.origin;
  throw new StartError(`${name} is "${value}", which is no address: give one such as http://127.0.0.1:8000.`);
}
