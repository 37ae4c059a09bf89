import { GetObjectCommand, NoSuchKey, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { AWS_CLIENT_OPTIONS } from "../aws/client-options.ts";
import { reach } from "../aws/reach.ts";

/** Bytes under keys, for what is too large for the table. An object is written whole or not at all. */
export interface ObjectStore {
  put(key: string, bytes: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array | null>;
}

export function createS3Client(): S3Client {
  return new S3Client(AWS_CLIENT_OPTIONS);
}

export function createObjectStore({ client, bucket }: { client: S3Client; bucket: string }): ObjectStore {
  return {
    async put(key, bytes) {
      await reach("s3", () => client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes })));
    },
    async get(key) {
      return reach("s3", async () => {
        try {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
          return (await Body?.transformToByteArray()) ?? null;
        } catch (error) {
          if (error instanceof NoSuchKey) return null;
          throw error;
        }
      });
    },
  };
}
