import type { MockCall, MockMonitorClass, MockResource, Mocks, RegisterRequest } from "./pulumi.ts";
import type { SynthResource } from "./synthesis.ts";
import { unwrap } from "./unwrap.ts";

const REGION = "us-east-1";
const ACCOUNT = "123456789012";

type Inputs = Record<string, unknown>;
type Answer = (resource: { name: string; label: string; inputs: Inputs }) => Inputs;

const arn = (service: string, resource: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`;

/** What AWS would answer when a resource is made, where something else in the stack reads it. */
const ANSWERS: Record<string, Answer> = {
  "aws:sqs/queue:Queue": ({ name }) => ({
    arn: arn("sqs", name),
    url: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${name}`,
  }),
  "aws:dynamodb/table:Table": ({ name }) => ({ arn: arn("dynamodb", `table/${name}`) }),
  "aws:s3/bucket:Bucket": ({ name }) => ({ arn: `arn:aws:s3:::${name}`, bucket: name }),
  "aws:iam/role:Role": ({ name }) => ({ arn: `arn:aws:iam::${ACCOUNT}:role/${name}` }),
  "aws:cloudwatch/logGroup:LogGroup": ({ name }) => ({ arn: arn("logs", `log-group:${name}`) }),
  "aws:lambda/function:Function": ({ name }) => ({ arn: arn("lambda", `function:${name}`) }),
  "aws:lambda/functionUrl:FunctionUrl": ({ label }) => ({
    functionUrl: `https://${label.toLowerCase()}.lambda-url.${REGION}.on.aws/`,
  }),
  "aws:apigatewayv2/api:Api": ({ label }) => ({
    apiEndpoint: `https://${label.toLowerCase()}.execute-api.${REGION}.amazonaws.com`,
    executionArn: `arn:aws:execute-api:${REGION}:${ACCOUNT}:${label.toLowerCase()}`,
  }),
  "aws:acm/certificate:Certificate": ({ label, inputs }) => ({
    arn: arn("acm", `certificate/${label}`),
    domainValidationOptions: [
      {
        domainName: inputs["domainName"],
        resourceRecordName: `_check.${String(inputs["domainName"])}`,
        resourceRecordType: "CNAME",
        resourceRecordValue: "_checked.acm-validations.aws",
      },
    ],
  }),
  "aws:apigatewayv2/domainName:DomainName": ({ inputs }) => ({
    domainNameConfiguration: {
      ...(inputs["domainNameConfiguration"] as object),
      targetDomainName: "d-synth.execute-api.us-east-1.amazonaws.com",
      hostedZoneId: "ZAPI",
    },
  }),
  "aws:sns/topic:Topic": ({ name }) => ({ arn: arn("sns", name) }),
  "upstash:index/redisDatabase:RedisDatabase": ({ inputs }) => ({
    endpoint: `${String(inputs["databaseName"])}.upstash.io`,
    restToken: "synth-rest-token",
  }),
  "random:index/randomBytes:RandomBytes": ({ inputs }) => ({
    base64: Buffer.alloc(Number(inputs["length"] ?? 32)).toString("base64"),
  }),
};

type Statement = Record<"effect" | "actions" | "resources" | "conditions" | "principals", unknown>;

const toDocument = (statements: readonly Partial<Statement>[]) => ({
  Version: "2012-10-17",
  Statement: statements.map((statement) => ({
    Effect: statement.effect ?? "Allow",
    Principal: statement.principals,
    Action: statement.actions,
    Resource: statement.resources,
    Condition: statement.conditions,
  })),
});

/** The data sources that the stack reads. */
const LOOKUPS: Record<string, (inputs: Inputs) => Inputs> = {
  "aws:index/getRegion:getRegion": () => ({ id: REGION, name: REGION, region: REGION }),
  "aws:index/getCallerIdentity:getCallerIdentity": () => ({ id: ACCOUNT, accountId: ACCOUNT }),
  "aws:index/getPartition:getPartition": () => ({ id: "aws", partition: "aws", dnsSuffix: "amazonaws.com" }),
  "aws:route53/getZones:getZones": () => ({ id: REGION, ids: ["ZONE"] }),
  "aws:route53/getZone:getZone": () => ({
    id: "ZONE",
    zoneId: "ZONE",
    name: "example.com",
    privateZone: false,
  }),
  "aws:iam/getPolicyDocument:getPolicyDocument": (inputs) => ({
    ...inputs,
    id: "policy",
    json: JSON.stringify(toDocument((inputs["statements"] ?? []) as Partial<Statement>[])),
  }),
};

function nameOf({ name, inputs }: MockResource): string {
  const given = inputs["name"] ?? inputs["bucket"];
  return typeof given === "string" ? given : name;
}

type Options = Pick<SynthResource, "protect" | "retainOnDelete">;

/** Mocks see a resource's inputs but not its options: those are read off the request itself. */
function watchOptions(monitor: MockMonitorClass, seen: Map<string, Options>): void {
  const register = monitor.prototype.registerResource;
  monitor.prototype.registerResource = function (request: RegisterRequest, done: unknown) {
    const options = {
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
    };
    seen.set(`${request.getType()} ${request.getName()}`, options);
    return register.call(this, request, done);
  };
}

/**
 * An AWS that accepts everything and remembers it. A lookup it does not know is an error, never a guess.
 *
 * @param answers what it says of single resources, by their names in the stack, over what it would make up
 */
export function createMockCloud(
  monitor: MockMonitorClass,
  answers: Readonly<Record<string, Readonly<Inputs>>> = {},
) {
  const made: Omit<SynthResource, keyof Options>[] = [];
  const options = new Map<string, Options>();
  watchOptions(monitor, options);
  const mocks: Mocks = {
    newResource(resource) {
      const { type, name: label, inputs } = resource;
      const name = nameOf(resource);
      made.push({ type, name: label, inputs });
      const answered = ANSWERS[type]?.({ name, label, inputs });
      return { id: `${label}-id`, state: { ...inputs, name, ...answered, ...answers[label] } };
    },
    call({ token, inputs }: MockCall) {
      const lookup = LOOKUPS[token];
      if (lookup === undefined)
        throw new Error(`The stack looks up ${token}: teach it to infra/synth/mock-cloud.ts.`);
      return lookup(inputs);
    },
  };
  return {
    mocks,
    resources: (): SynthResource[] =>
      made
        .map(({ type, name, inputs }) => ({
          type,
          name,
          inputs: unwrap(inputs) as Inputs,
          ...(options.get(`${type} ${name}`) ?? { protect: false, retainOnDelete: false }),
        }))
        .toSorted((a, b) => `${a.type} ${a.name}`.localeCompare(`${b.type} ${b.name}`)),
  };
}
