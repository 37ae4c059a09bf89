import { instance } from "@viz-js/viz";
import type { Synthesis } from "../synth/synthesis.ts";
import { describeStack } from "./diagram.ts";

/** The deployed system as an SVG, drawn by Graphviz from a synth. The same stack is the same picture, to the byte. */
export async function drawStack(synthesis: Synthesis): Promise<string> {
  const graphviz = await instance();
  return graphviz.renderString(describeStack(synthesis), { format: "svg" });
}
