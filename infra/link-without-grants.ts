// SST's own links grant `dynamodb:*`, `s3:*` and `sqs:*`. Ours carry names only; infra/grants.ts grants.
// Imported by every file that makes such a component, so that no link is read before.
sst.Linkable.wrap(sst.aws.Dynamo, (table) => ({ properties: { name: table.name } }));
sst.Linkable.wrap(sst.aws.Bucket, (bucket) => ({ properties: { name: bucket.name } }));
sst.Linkable.wrap(sst.aws.Queue, (queue) => ({ properties: { url: queue.url } }));

export {};
