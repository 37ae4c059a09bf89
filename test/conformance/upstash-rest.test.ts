import { describe, test } from "vitest";
import { findRedisServer } from "../../infra/local/redis-server-child.ts";
import { describeUpstashRest } from "./upstash-rest-suite.ts";

describe("Upstash REST over js-redis-server", () => {
  describeUpstashRest("js-redis-server");
});

if (findRedisServer() === undefined) {
  test.skip("Upstash REST over redis-server: SKIPPED because redis-server is not on PATH", () => undefined);
} else {
  describe("Upstash REST over redis-server", () => {
    describeUpstashRest("redis-server");
  });
}
