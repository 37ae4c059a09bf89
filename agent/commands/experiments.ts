import { type Command, InvalidArgumentError } from "commander";
import {
  ExperimentAnswer,
  ExperimentsAnswer,
  TuningAnswer,
  type TuningRequest,
} from "../../shared/contract/experiment-routes.ts";
import { TuningMode } from "../../shared/contract/experiments.ts";
import { Id } from "../../shared/contract/ids.ts";
import { MetricName, ParameterName, parameterOf } from "../../shared/contract/parameters.ts";
import { addCommand, type CommonOptions, openOperator, print, type Terminal } from "./context.ts";
import { newId } from "../ids.ts";
import { describeAll, describeOne, describeTuning, describeWeeks, outcomeOf } from "./experiments-text.ts";

type StartFlags = CommonOptions & {
  readonly effect: number;
  readonly metric?: MetricName;
  readonly statement?: string;
};
type StopFlags = CommonOptions & { readonly reason?: string };

/** Where no person reads, sentences stay whole. */
const columnsOf = ({ output }: Terminal): number => (output.isTTY ? output.columns : Infinity);

/** `shim experiments`: what is tried on the fleet, what that showed, and what people decide about it. */
export function addExperimentsCommand(program: Command, terminal: Terminal): void {
  const experiments = program
    .command("experiments")
    .description("show and decide what is tried on the fleet; without a command, all of it");
  addReading(experiments, terminal);
  addDeciding(experiments, terminal);
  addTuning(experiments, terminal);
}

function addReading(experiments: Command, terminal: Terminal): void {
  addCommand(
    experiments,
    "list",
    "experiments, the newest first, and what was not proposed",
    ["shim experiments", "shim experiments list --json"],
    { isDefault: true },
  ).action(async (flags: CommonOptions) => {
    const answer = await list(terminal, flags);
    print(terminal, flags, answer, () => describeAll(answer, Date.now(), columnsOf(terminal)));
  });
  addCommand(experiments, "show", "one experiment: what it showed night by night, and every decision", [
    "shim experiments show checkpointIntervalMs-20421",
  ])
    .argument("<id>", "its id", anId)
    .action(async (id: string, flags: CommonOptions) => {
      const { http, key } = openOperator(terminal, flags);
      const answer = await http({ method: "GET", path: pathOf(id), answer: ExperimentAnswer, bearer: key });
      print(terminal, flags, answer, () => describeOne(answer.experiment, columnsOf(terminal)));
    });
  addCommand(experiments, "parameters", "what may be tuned, and what is used now", [
    "shim experiments parameters",
  ]).action(async (flags: CommonOptions) => {
    const { tuning } = await list(terminal, flags);
    print(terminal, flags, { tuning }, () => describeTuning(tuning, columnsOf(terminal)));
  });
  addCommand(experiments, "weeks", "what the last weeks of the fleet were like, in sentences", [
    "shim experiments weeks",
  ]).action(async (flags: CommonOptions) => {
    const { observed } = await list(terminal, flags);
    print(terminal, flags, { observed }, () => describeWeeks(observed, columnsOf(terminal)));
  });
}

function addDeciding(experiments: Command, terminal: Terminal): void {
  const decide = async (id: string, verb: "approve" | "stop", flags: CommonOptions, body?: object) => {
    const { http, key } = openOperator(terminal, flags);
    const path = `${pathOf(id)}/${verb}`;
    const answer = await http({ method: "POST", path, answer: ExperimentAnswer, bearer: key, body });
    print(terminal, flags, answer, () => outcomeOf(answer.experiment));
  };
  addCommand(experiments, "approve", "start a draft", ["shim experiments approve briefTokens-20421"])
    .argument("<id>", "its id", anId)
    .action((id: string, flags: CommonOptions) => decide(id, "approve", flags));
  addCommand(experiments, "stop", "end a draft or an experiment, and use what was used before it", [
    "shim experiments stop briefTokens-20421 --reason 'another release'",
  ])
    .argument("<id>", "its id", anId)
    .option("--reason <text>", "why, for its log")
    .action((id: string, flags: StopFlags) =>
      decide(id, "stop", flags, flags.reason === undefined ? {} : { reason: flags.reason }),
    );
  addCommand(experiments, "start", "try another value of a parameter", [
    "shim experiments start checkpointIntervalMs 300000 --effect 30000",
    "shim experiments start retryBackoffFactor 4 --metric completed --effect 0.05",
  ])
    .argument("<parameter>", "one of `shim experiments parameters`", aParameter)
    .argument("<value>", "what the treatment gets")
    .requiredOption(
      "--effect <number>",
      "the smallest difference of the metric worth finding: milliseconds where it ends in Ms, 0.05 for 5 percentage points",
      aPositive,
    )
    .option("--metric <name>", "what decides; else the first that the parameter may move", aMetric)
    .option("--statement <text>", "why, for those who read of it")
    .action(async (parameter: ParameterName, value: string, flags: StartFlags) => {
      const { http, key } = openOperator(terminal, flags);
      const { effect, metric, statement } = flags;
      const body = {
        ...{ parameter, treatment: valueOf(parameter, value), effect },
        ...(metric && { metric }),
        ...(statement !== undefined && { statement }),
      };
      // So that a request whose answer was lost may be repeated.
      const headers = { "idempotency-key": newId("experiment") };
      const path = "/v1/experiments";
      const answer = await http({
        method: "POST",
        path,
        answer: ExperimentAnswer,
        bearer: key,
        body,
        headers,
      });
      print(terminal, flags, answer, () => outcomeOf(answer.experiment));
    });
}

function addTuning(experiments: Command, terminal: Terminal): void {
  const change = async (body: TuningRequest, flags: CommonOptions) => {
    const { http, key } = openOperator(terminal, flags);
    const answer = await http({
      method: "POST",
      path: "/v1/tuning",
      answer: TuningAnswer,
      bearer: key,
      body,
    });
    print(terminal, flags, answer, () => describeTuning(answer.tuning, columnsOf(terminal)));
  };
  addCommand(experiments, "mode", "choose who starts experiments", [
    "shim experiments mode suggest   (proposals wait for approval: what a new fleet does)",
    "shim experiments mode auto      (they start, ship and roll back by themselves)",
    "shim experiments mode off       (nothing is proposed; what runs ends)",
  ])
    .argument("<mode>", TuningMode.options.join(", "), aMode)
    .action((mode: TuningMode, flags: CommonOptions) => change({ mode }, flags));
  addCommand(experiments, "pin", "let all use this value, and try no other", [
    "shim experiments pin checkpointToolCalls 5",
  ])
    .argument("<parameter>", "one of `shim experiments parameters`", aParameter)
    .argument("<value>", "what all use")
    .action((parameter: ParameterName, value: string, flags: CommonOptions) =>
      change({ pin: { [parameter]: valueOf(parameter, value) } }, flags),
    );
  addCommand(experiments, "unpin", "let a parameter be tuned again", ["shim experiments unpin briefTokens"])
    .argument("<parameter>", "one that is pinned", aParameter)
    .action((parameter: ParameterName, flags: CommonOptions) => change({ unpin: [parameter] }, flags));
}

function list(terminal: Terminal, flags: CommonOptions): Promise<ExperimentsAnswer> {
  const { http, key } = openOperator(terminal, flags);
  return http({ method: "GET", path: "/v1/experiments", answer: ExperimentsAnswer, bearer: key });
}

const pathOf = (id: string) => `/v1/experiments/${id}`;

function parsed<T>(schema: { safeParse(text: unknown): { success: boolean; data?: T } }, hint: string) {
  return (text: string): T => {
    const { success, data } = schema.safeParse(text);
    if (!success || data === undefined) throw new InvalidArgumentError(hint);
    return data;
  };
}
const anId = parsed(Id, "It must be an id, as `shim experiments` shows them.");
const aMode = parsed(TuningMode, `It must be ${TuningMode.options.join(", ")}.`);
const aParameter = parsed(ParameterName, `It must be one of ${ParameterName.options.join(", ")}.`);
const aMetric = parsed(MetricName, `It must be one of ${MetricName.options.join(", ")}.`);

function aPositive(text: string): number {
  const number = Number(text);
  if (!(number > 0) || !Number.isFinite(number))
    throw new InvalidArgumentError("It must be a number above 0.");
  return number;
}

/** A value as the parameter has it; the server says if it may not be. */
function valueOf(parameter: ParameterName, text: string): number | string {
  const number = Number(text);
  return parameterOf(parameter).type === "choice" || text.trim() === "" || Number.isNaN(number)
    ? text
    : number;
}
