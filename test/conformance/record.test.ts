import { afterAll, beforeAll, describe } from "vitest";
import { testCheckpoints } from "./checkpoints-suite.ts";
import { testExperiments } from "./experiments-suite.ts";
import { testJournals } from "./journals-suite.ts";
import { testMessages } from "./messages-suite.ts";
import { testRecord } from "./record-suite.ts";
import { testRollups } from "./rollups-suite.ts";
import { testSignals } from "./signals-suite.ts";
import { testUnits } from "./units-suite.ts";
import { type RecordWorld, startDynamoWorld, startMemoryWorld } from "./record-worlds.ts";

testRecord("memory", startMemoryWorld);
testRecord("DynamoDB and S3", startDynamoWorld);

describe.each([
  ["memory", startMemoryWorld],
  ["DynamoDB", startDynamoWorld],
])(
  "messages, signals, checkpoints, journals, units and experiments on %s",
  (_, start: () => Promise<RecordWorld>) => {
    let world: RecordWorld;
    beforeAll(async () => {
      world = await start();
    });
    afterAll(() => world.stop());
    testMessages(() => world);
    testSignals(() => world);
    testCheckpoints(() => world);
    testJournals(() => world);
    testUnits(() => world);
    testRollups(() => world);
    testExperiments(() => world);
  },
);
