import { PutObjectCommand, GetObjectCommand, HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { startAwsStandIn } from "../../infra/diff/aws-stand-in.ts";
import { refuseElsewhere } from "../../infra/diff/sst-diff.ts";

// What the real `sst diff` does with these is tested in test/system/zips.test.ts.

describe("sst diff with stand-ins", () => {
  const LOOPBACK = { AWS_ENDPOINT_URL: "http://127.0.0.1:5600" };

  it("runs while every endpoint is on loopback", () => {
    expect(() => {
      refuseElsewhere({ ...LOOPBACK, AWS_ENDPOINT_URL_S3: "http://127.0.0.1:5601", https_proxy: "" });
    }).not.toThrow();
  });

  it.each<[string, Record<string, string>]>([
    ["AWS_ENDPOINT_URL_S3", { ...LOOPBACK, AWS_ENDPOINT_URL_S3: "https://s3.us-east-1.amazonaws.com" }],
    ["AWS_ENDPOINT_URL", { AWS_ENDPOINT_URL: "http://127.0.0.1.example.com" }],
    ["AWS_ENDPOINT_URL", { AWS_ENDPOINT_URL: "not an address" }],
    ["AWS_ENDPOINT_URL", {}],
    ["HTTPS_PROXY", { ...LOOPBACK, HTTPS_PROXY: "http://10.0.0.1:3128" }],
    ["AWS_PROFILE", { ...LOOPBACK, AWS_PROFILE: "work" }],
    ["AWS_SESSION_TOKEN", { ...LOOPBACK, AWS_SESSION_TOKEN: "t" }],
  ])("refuses for %s in %j", (name, env) => {
    expect(() => {
      refuseElsewhere(env);
    }).toThrow(name);
  });

  it("keeps objects as they were before they were sent in chunks", async () => {
    const standIn = await startAwsStandIn();
    const s3 = new S3Client({
      endpoint: standIn.url,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: "nobody", secretAccessKey: "nobody" },
    });
    try {
      const [Bucket, Key] = ["sst-state-diff", "secret/shim/dev.json"];
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.alloc(100_000, "state\r\n") }));
      const stored = await s3.send(new GetObjectCommand({ Bucket, Key }));
      expect(Buffer.from((await stored.Body?.transformToByteArray()) ?? []).toString()).toBe(
        Buffer.alloc(100_000, "state\r\n").toString(),
      );
      await expect(s3.send(new HeadObjectCommand({ Bucket, Key: "missing" }))).rejects.toMatchObject({
        $metadata: { httpStatusCode: 404 },
      });
    } finally {
      s3.destroy();
      await standIn.close();
    }
  });
});
