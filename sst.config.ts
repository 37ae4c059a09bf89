/// <reference path="./.sst/platform/config.d.ts" />

// SST allows no imports at the top of this file: it reads `app` before it knows the providers.
export default $config({
  async app(input) {
    const { isPermanentStage } = await import("./infra/stage.ts");
    const permanent = isPermanentStage(input.stage);
    return { name: "shim", home: "aws", removal: permanent ? "retain" : "remove", protect: permanent };
  },
  async run() {
    const { api } = await import("./infra/api.ts");
    const { heartbeatUrl } = await import("./infra/functions.ts");
    const { dispatchDeadLetters, wakeDeadLetters } = await import("./infra/queue.ts");
    await import("./infra/schedule.ts");
    return {
      api: api.url,
      heartbeat: heartbeatUrl,
      dispatchDeadLetters: dispatchDeadLetters.url,
      wakeDeadLetters: wakeDeadLetters.url,
    };
  },
});
