/** The account that the embedded cloud pretends to be. The servers check no signature; the SDK wants one. */
export const REGION = "us-east-1";
export const ACCOUNT_ID = "000000000000";
export const CREDENTIALS = { accessKeyId: "embedded", secretAccessKey: "embedded" };

export function arnOf(service: string, resource: string): string {
  return `arn:aws:${service}:${REGION}:${ACCOUNT_ID}:${resource}`;
}
