import {
  CopyObjectCommand,
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { AWS_CLIENT_OPTIONS } from "../aws/client-options.ts";
import { reach } from "../aws/reach.ts";
import { keptTag } from "./kept-tag.ts";

/** Bytes under keys, for what is too large for the table. An object is written whole or not at all. */
export interface ObjectStore {
  /** Kept for ever, or at least for `keptMs` from now. */
  put(key: string, bytes: Uint8Array, keptMs?: number): Promise<void>;
  get(key: string): Promise<Uint8Array | null>;
  /** Keeps an object at least for `keptMs` from now, and then no more. One that is gone is no error. */
  close(key: string, keptMs: number): Promise<void>;
}

export function createS3Client(): S3Client {
  return new S3Client(AWS_CLIENT_OPTIONS);
}

export function createObjectStore({ client, bucket }: { client: S3Client; bucket: string }): ObjectStore {
  return {
    async put(key, bytes, keptMs) {
      const Tagging = keptMs === undefined ? undefined : keptTag(keptMs);
      const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, Tagging });
      await reach("s3", () => client.send(command));
    },
    async get(key) {
      return reach("s3", () =>
        unlessMissing(async () => {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
          return (await Body?.transformToByteArray()) ?? null;
        }),
      );
    },
    async close(key, keptMs) {
      // Onto itself: a rule counts days from when the object was written, which may be long ago.
      const command = new CopyObjectCommand({
        Bucket: bucket,
        Key: key,
        CopySource: `${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`,
        MetadataDirective: "REPLACE",
        TaggingDirective: "REPLACE",
        Tagging: keptTag(keptMs),
      });
      await reach("s3", () => unlessMissing(() => client.send(command)));
    },
  };
}

/** Null if there is no such object. */
async function unlessMissing<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof NoSuchKey) return null;
    throw error;
  }
}
