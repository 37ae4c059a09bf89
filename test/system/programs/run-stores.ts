// Runs a DynamoDB and an SQS with S3 as they come in their packages, in a process of their own, until it is ended: stores that
// somebody else started. Prints their addresses as one JSON line.
import type { AddressInfo } from "node:net";
import dynalite from "dynalite";
import { buildApp } from "fauxqs";

const dynamo = dynalite({ createTableMs: 0 });
await new Promise<void>((resolve) => dynamo.listen(0, "127.0.0.1", resolve));
const aws = buildApp({ logger: false });
const address = await aws.listen({ port: 0, host: "127.0.0.1" });
const { port } = dynamo.address() as AddressInfo;
process.stdout.write(`${JSON.stringify({ dynamo: `http://127.0.0.1:${port}`, aws: address })}\n`);
