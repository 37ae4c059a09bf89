import { METRIC_NAMESPACE } from "../../shared/contract/metrics.ts";
import { LINK_NAMES } from "../links.ts";
import type { LinkName } from "../links.ts";
import { CREDENTIALS, REGION } from "./account.ts";

type LinkValues = {
  readonly [Name in LinkName]: { readonly [Property in (typeof LINK_NAMES)[Name][number]]: string };
};

/**
 * Puts every link and endpoint where handlers look for them: the environment. Must run before the first handler
 * is read. Whatever the shell says about a real account is overruled, so that nothing here can reach one.
 */
export function publishLinks(
  links: LinkValues,
  endpoints: { dynamo: string; queuesAndObjects: string },
): void {
  const resources = { App: { name: "shim", stage: "embedded" }, ...links };
  for (const [name, value] of Object.entries(resources)) {
    process.env[`SST_RESOURCE_${name}`] = JSON.stringify(value);
  }
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamo,
    AWS_ENDPOINT_URL_SQS: endpoints.queuesAndObjects,
    AWS_ENDPOINT_URL_S3: endpoints.queuesAndObjects,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: "true",
    POWERTOOLS_SERVICE_NAME: "shim-embedded",
    POWERTOOLS_METRICS_NAMESPACE: METRIC_NAMESPACE,
    // Lines that only CloudWatch reads.
    POWERTOOLS_METRICS_DISABLED: "true",
  });
  delete process.env.AWS_PROFILE;
  delete process.env.AWS_SESSION_TOKEN;
}
