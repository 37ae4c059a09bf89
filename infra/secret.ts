/**
 * Every secret of a stage, set by `sst secret set`; docs/DEPLOY.md says how to make each. Those of Redis are empty where the
 * stack makes the database itself, and those of Statsig where nobody uses it.
 */
export const secret = {
  RootKey: new sst.Secret("RootKey"),
  TokenKeys: new sst.Secret("TokenKeys"),
  UpstashRedisUrl: new sst.Secret("UpstashRedisUrl", ""),
  UpstashRedisToken: new sst.Secret("UpstashRedisToken", ""),
  StatsigServerKey: new sst.Secret("StatsigServerKey", ""),
  StatsigConsoleKey: new sst.Secret("StatsigConsoleKey", ""),
};
