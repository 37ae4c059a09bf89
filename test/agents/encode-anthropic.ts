import type { Encoded, ModelAnswer } from "./model-answer.ts";

type Block =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: object };

/** An answer in the words of Anthropic's Messages. */
export function encodeAnthropic({ id, model, text, call, usage }: ModelAnswer): Encoded {
  const content: Block[] = [
    ...(text === null ? [] : [{ type: "text", text } as const]),
    ...(call === null ? [] : [{ type: "tool_use", id: `toolu_${id}`, ...call } as const]),
  ];
  const counted = {
    input_tokens: usage.input,
    output_tokens: usage.output,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
  };
  const stop = { stop_reason: call === null ? "end_turn" : "tool_use", stop_sequence: null };
  const message = { id: `msg_${id}`, type: "message", role: "assistant", model };
  const begun = { ...message, content: [], stop_reason: null, stop_sequence: null, usage: counted };
  return {
    whole: { ...message, content, ...stop, usage: counted },
    events: [
      { type: "message_start", message: begun },
      ...content.flatMap(blockEvents),
      { type: "message_delta", delta: stop, usage: { output_tokens: usage.output } },
      { type: "message_stop" },
    ],
  };
}

function blockEvents(block: Block, index: number): Encoded["events"] {
  const isText = block.type === "text";
  const empty = isText ? { ...block, text: "" } : { ...block, input: {} };
  const delta = isText
    ? { type: "text_delta", text: block.text }
    : { type: "input_json_delta", partial_json: JSON.stringify(block.input) };
  return [
    { type: "content_block_start", index, content_block: empty },
    { type: "content_block_delta", index, delta },
    { type: "content_block_stop", index },
  ];
}
