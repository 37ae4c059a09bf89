/** What something costs: so many US dollars for so many units, by whose list, read when. Region us-east-1. */
export type Price = {
  readonly usd: number;
  readonly per: number;
  readonly source: string;
  readonly read: string;
};

const aws = (usd: number, per: number, page: string): Price => ({
  usd,
  per,
  source: `AWS, ${page} pricing`,
  read: "2026-11",
});

export const PRICES = {
  lambdaRequests: aws(0.2, 1e6, "Lambda"),
  lambdaGbSeconds: aws(0.0000133334, 1, "Lambda (arm64)"),
  httpApiRequests: aws(1, 1e6, "API Gateway (HTTP API)"),
  sqsRequests: aws(0.4, 1e6, "SQS (standard)"),
  dynamoWriteUnits: aws(0.625, 1e6, "DynamoDB (on demand)"),
  dynamoReadUnits: aws(0.125, 1e6, "DynamoDB (on demand)"),
  s3Puts: aws(5, 1e6, "S3"),
  s3GbMonths: aws(0.023, 1, "S3"),
  logBytes: aws(0.5, 1e9, "CloudWatch (logs)"),
  customMetrics: aws(0.3, 1, "CloudWatch (metrics)"),
  alarmMetrics: aws(0.1, 1, "CloudWatch (alarms)"),
  schedulerInvocations: aws(1, 1e6, "EventBridge Scheduler"),
  egressBytes: aws(0.09, 1e9, "EC2 (data transfer out)"),
  redisCommands: { usd: 0.2, per: 1e5, source: "Upstash, Redis pricing (pay as you go)", read: "2026-11" },
  redisFixedPlan: { usd: 10, per: 1, source: "Upstash, Redis pricing (fixed, 250 MB)", read: "2026-11" },
  temporalActions: { usd: 50, per: 1e6, source: "Temporal, Cloud pricing (first tier)", read: "2026-11" },
  stepFunctionsTransitions: aws(25, 1e6, "Step Functions (standard)"),
} as const satisfies Record<string, Price>;
/** Traffic a month that the fixed plan has: beyond it Upstash holds requests back. */
export const PLAN_BYTES = 50e9;
/** The smallest plan with ten times the traffic, in US dollars a month. */
export const LARGER_PLAN = { usd: 100, bytes: 500e9 };
export type PriceName = keyof typeof PRICES;

/** Of which so much a month costs nothing, for ever and for the whole account: AWS's always-free offers. */
export const ALLOWANCES: Readonly<Partial<Record<PriceName, number>>> = {
  lambdaRequests: 1e6,
  lambdaGbSeconds: 400_000,
  sqsRequests: 1e6,
  logBytes: 5e9,
  customMetrics: 10,
  alarmMetrics: 10,
  schedulerInvocations: 14e6,
  egressBytes: 100e9,
};
