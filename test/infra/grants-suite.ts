import { beforeAll, describe, expect, it } from "vitest";
import { FUNCTIONS } from "../../infra/routes.ts";
import type { FunctionName } from "../../infra/routes.ts";
import { usedCode } from "./synth-code.ts";
import { componentOf } from "./synth-view.ts";
import type { StackView, Stacks } from "./synth-view.ts";

const NAMES = Object.keys(FUNCTIONS) as FunctionName[];
const LOGGING = ["logs:CreateLogStream", "logs:PutLogEvents"];

/** Each has a role by which it invokes its function. */
const SCHEDULES = 2;

/** Which actions each function of the stack may do, and on what. */
export function grantsSuite(stackOf: Stacks): void {
  let stack: StackView;
  beforeAll(() => {
    stack = stackOf("dev");
  });

  const roleOf = (name: FunctionName) => stack.one("aws:iam/role:Role", `${componentOf(name)}Role`);
  /** Each action with the kind of resource it is granted on. */
  const grantsOf = (name: FunctionName) =>
    stack
      .statementsOf(roleOf(name))
      .flatMap(({ Action, Resource = [] }) =>
        Action.flatMap((action) => Resource.map((resource) => ({ action, resource }))),
      );

  it("covers every role of the stack", () => {
    expect(stack.all("aws:iam/role:Role")).toHaveLength(NAMES.length + SCHEDULES);
  });

  it("lets only Lambda assume a function's role", () => {
    for (const name of NAMES) {
      const policy = roleOf(name).inputs["assumeRolePolicy"] as { Statement: { Principal: unknown }[] };
      expect(policy.Statement.map(({ Principal }) => Principal)).toEqual([
        { Service: "lambda.amazonaws.com" },
      ]);
    }
  });

  it("grants each function its own log group", () => {
    for (const name of NAMES) {
      const logged = grantsOf(name).filter(({ action }) => LOGGING.includes(action));
      expect(logged.map(({ action }) => action).toSorted()).toEqual(LOGGING);
      for (const { resource } of logged)
        expect(resource).toMatch(new RegExp(`/aws/lambda/shim-dev-${name}:\\*$`));
    }
  });

  /** What a call in a handler or an operation needs the function's role to allow, beyond what every record user does. */
  const NEEDS: readonly (readonly [call: RegExp, action: string, on: RegExp])[] = [
    [/\brecord\.\w+\./, "dynamodb:UpdateItem", /:table\/shim-dev-RecordTable-\w+$/],
    [/\b(payloads\.(get|close)|checkpoints\.(body|release))\(/, "s3:GetObject", /payloadsbucket/],
    [/\b(payloads\.(put|close)|checkpoints\.(putBody|release))\(/, "s3:PutObject", /payloadsbucket/],
    [/\b(payloads\.(put|close)|checkpoints\.(putBody|release))\(/, "s3:PutObjectTagging", /payloadsbucket/],
    [/\.tasksReady\(/, "sqs:SendMessage", /:shim-dev-DispatchQueueQueue-\w+$/],
    [/\.wakeSweep\(/, "sqs:SendMessage", /:shim-dev-WakeQueueQueue-\w+$/],
  ];

  describe.each(NAMES)("%s", (name) => {
    it.each(NEEDS)(
      "is granted what %s needs, %s, if and only if its code has that call",
      async (call, action, on) => {
        const granted = grantsOf(name).some((grant) => grant.action === action && on.test(grant.resource));
        expect(granted).toBe(call.test(await usedCode(name)));
      },
    );

    it("uses the table item by item and queries its index, or has nothing of either", () => {
      const granted = grantsOf(name)
        .filter(({ action }) => action.startsWith("dynamodb:"))
        .map(
          ({ action, resource }) =>
            `${action.slice("dynamodb:".length)}${resource.endsWith("/index/open") ? " open" : ""}`,
        );
      const everything = [
        "BatchGetItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Query open",
        "UpdateItem",
      ];
      expect(granted.toSorted()).toEqual(name === "heartbeat" ? [] : everything);
    });
  });

  it("grants the consumers receiving from their own queue alone", () => {
    const receivers = NAMES.flatMap((name) =>
      grantsOf(name)
        .filter(({ action }) => action === "sqs:ReceiveMessage")
        .map(
          ({ resource }) =>
            `${name} ${
              resource
                .split(":")
                .at(-1)
                ?.replace(/-[a-z]+$/, "") ?? ""
            }`,
        ),
    );
    expect(receivers.toSorted()).toEqual([
      "dispatch shim-dev-DispatchQueueQueue",
      "sweep shim-dev-WakeQueueQueue",
    ]);
  });
}
