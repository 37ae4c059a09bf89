import { type Command, Option } from "commander";
import { BalancePolicy, RebalanceAnswer } from "../../shared/contract/fleet.ts";
import { addCommand, type CommonOptions, openOperator, print, type Terminal } from "./context.ts";
import { formatTable } from "./text.ts";

type RebalanceFlags = CommonOptions & { readonly auto?: "on" | "off"; readonly policy?: BalancePolicy };

export function addRebalanceCommand(program: Command, terminal: Terminal): void {
  addCommand(program, "rebalance", "move waiting assignments between live sessions now", [
    "shim rebalance",
    "shim rebalance --auto on",
    "shim rebalance --policy performance",
  ])
    .addOption(
      new Option("--auto <on|off>", "whether the server goes on doing so by itself").choices(["on", "off"]),
    )
    .addOption(
      new Option("--policy <policy>", "how sessions are chosen from now on").choices(BalancePolicy.options),
    )
    .action(async (flags: RebalanceFlags) => {
      const { http, key } = openOperator(terminal, flags);
      const body = {
        ...(flags.auto !== undefined && { auto: flags.auto === "on" }),
        ...(flags.policy !== undefined && { policy: flags.policy }),
      };
      const answer = await http({
        method: "POST",
        path: "/v1/rebalance",
        answer: RebalanceAnswer,
        bearer: key,
        body,
      });
      print(terminal, flags, answer, () => {
        if (answer.moved.length === 0) return "Nothing had to move.";
        return formatTable(
          ["TASK", "FROM", "TO"],
          answer.moved.map((move) => [move.taskId, move.from, move.to]),
        );
      });
    });
}
