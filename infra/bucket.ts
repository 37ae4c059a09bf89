import "./link-without-grants.ts";
import { isPermanentStage } from "./stage.ts";

/**
 * Days after it was written that an object with such a tag goes: the adapter's, name for name, as the tests of the stack
 * compare. Without a tag it stays, because its task has not ended.
 */
const KEPT_TAG = "shim-kept-days";
const KEPT_DAYS = [8, 14, 37, 97, 372];

/** Payloads too large for an item. Private, and refused over plain HTTP (SST's defaults). */
export const payloads = new sst.aws.Bucket("Payloads", {
  cors: false,
  lifecycle: [{ id: "abort-incomplete-uploads" }],
  transform: {
    bucket: { forceDestroy: !isPermanentStage($app.stage) },
    lifecycle: (args) => {
      args.rules = [
        {
          id: "abort-incomplete-uploads",
          status: "Enabled",
          filter: {},
          abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
        },
        ...KEPT_DAYS.map((days) => ({
          id: `kept-${days}-days`,
          status: "Enabled",
          filter: { tag: { key: KEPT_TAG, value: String(days) } },
          expiration: { days },
        })),
      ];
      return undefined;
    },
  },
});

new aws.s3.BucketServerSideEncryptionConfiguration("PayloadsEncryption", {
  bucket: payloads.name,
  rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }],
});
