import { secret } from "./secret.ts";

/** An Upstash database made by hand; its REST credentials are secrets of the stage. */
export const redis = new sst.Linkable("Redis", {
  properties: { url: secret.UpstashRedisUrl.value, token: secret.UpstashRedisToken.value },
});
