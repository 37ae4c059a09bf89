import { describe, expect, it } from "vitest";
import { KEPT_DAYS, KEPT_TAG } from "../../shared/adapters/s3/kept-tag.ts";
import type { Stage, Stacks } from "./synth-view.ts";

/** What differs between production and every other stage, and what must not. */
export function stagesSuite(stackOf: Stacks): void {
  function stageOf(stage: Stage) {
    const view = stackOf(stage);
    return {
      table: view.one("aws:dynamodb/table:Table", "RecordTable"),
      bucket: view.one("aws:s3/bucket:Bucket", "PayloadsBucket"),
      view,
    };
  }

  describe("data outlives its stage in production, and there alone", () => {
    it.each([
      ["production", true],
      ["dev", false],
    ] as const)("%s: %s", (stage, kept) => {
      const { table, bucket } = stageOf(stage);
      expect(table.inputs["deletionProtectionEnabled"]).toBe(kept);
      expect(table.retainOnDelete).toBe(kept);
      expect(bucket.retainOnDelete).toBe(kept);
      expect(bucket.inputs["forceDestroy"]).toBe(!kept);
    });
  });

  describe.each(["production", "dev"] as const)("%s", (stage) => {
    it("has one on-demand table with the keys, the sparse index and the expiry that the record expects", () => {
      const { table, view } = stageOf(stage);
      expect(view.all("aws:dynamodb/table:Table")).toHaveLength(1);
      expect(table.inputs).toMatchObject({
        billingMode: "PAY_PER_REQUEST",
        hashKey: "pk",
        rangeKey: "sk",
        ttl: { attributeName: "expiresAt", enabled: true },
        pointInTimeRecovery: { enabled: true },
        globalSecondaryIndexes: [
          { name: "open", hashKey: "openPk", rangeKey: "openSk", projectionType: "KEYS_ONLY" },
        ],
      });
      const types = (table.inputs["attributes"] as { name: string; type: string }[]).map(
        ({ name, type }) => `${name} ${type}`,
      );
      expect(types.toSorted()).toEqual(["openPk S", "openSk S", "pk S", "sk S"]);
    });

    it("has one bucket that drops uploads nobody finished, and objects by their tags", () => {
      const { view } = stageOf(stage);
      expect(view.all("aws:s3/bucket:Bucket")).toHaveLength(1);
      const [lifecycle] = view.all("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration");
      expect(lifecycle?.inputs["rules"]).toMatchObject([
        { status: "Enabled", abortIncompleteMultipartUpload: { daysAfterInitiation: 1 } },
        ...KEPT_DAYS.map((days) => ({
          status: "Enabled",
          filter: { tag: { key: KEPT_TAG, value: String(days) } },
          expiration: { days },
        })),
      ]);
    });
  });
}
