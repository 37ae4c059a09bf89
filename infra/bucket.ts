import "./link-without-grants.ts";
import { isPermanentStage } from "./stage.ts";

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
      ];
      return undefined;
    },
  },
});

new aws.s3.BucketServerSideEncryptionConfiguration("PayloadsEncryption", {
  bucket: payloads.name,
  rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }],
});
