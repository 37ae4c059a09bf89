/// <reference path="./.sst/platform/config.d.ts" />

// SST allows no imports at the top of this file: it reads `app` before it knows the providers.
export default $config({
  async app(input) {
    const { isPermanentStage } = await import("./infra/stage.ts");
    const { options } = await import("./infra/options.ts");
    const providers = options.upstash === "create" ? { "@upstash/pulumi": "0.5.0" } : {};
    const permanent = isPermanentStage(input.stage);
    return {
      name: "shim",
      home: "aws",
      providers,
      removal: permanent ? "retain" : "remove",
      protect: permanent,
    };
  },
  async run() {
    const { api } = await import("./infra/api.ts");
    const { heartbeatUrl } = await import("./infra/functions.ts");
    const { deadLetters } = await import("./infra/queue.ts");
    await import("./infra/schedule.ts");
    const { alarmTopic } = await import("./infra/alarms.ts");
    await import("./infra/dashboard.ts");
    return {
      api: api.url,
      heartbeat: heartbeatUrl,
      deadLetters: deadLetters.url,
      ...(alarmTopic && { alarms: alarmTopic.arn }),
    };
  },
});
