import { options } from "./options.ts";
import { secret } from "./secret.ts";
import { isPermanentStage } from "./stage.ts";

const permanent = isPermanentStage($app.stage);

/**
 * Where Redis is reached over REST: a database that was made by hand, by the secrets of the stage; or one that the stack makes
 * with UPSTASH_EMAIL and UPSTASH_API_KEY, in the stack's own region, because every heartbeat is a request to it.
 */
function reachRedis(): { url: $util.Input<string>; token: $util.Input<string> } {
  if (options.upstash === "existing")
    return { url: secret.UpstashRedisUrl.value, token: secret.UpstashRedisToken.value };
  const database = new upstash.RedisDatabase(
    "RedisDatabase",
    {
      databaseName: `${$app.name}-${$app.stage}`,
      region: "global",
      primaryRegion: aws.getRegionOutput().region,
      tls: true,
      // What is evicted is lost without a trace; a database that is full refuses writes, which is seen.
      eviction: false,
    },
    { protect: permanent, retainOnDelete: permanent },
  );
  return { url: $interpolate`https://${database.endpoint}`, token: database.restToken };
}

export const redis = new sst.Linkable("Redis", { properties: reachRedis() });
