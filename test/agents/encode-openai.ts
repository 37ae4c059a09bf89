import type { Encoded, ModelAnswer } from "./model-answer.ts";

/** An answer in the words of OpenAI's Responses. */
export function encodeOpenAI({ id, model, text, call, usage }: ModelAnswer): Encoded {
  const output: object[] = [
    ...(text === null ? [] : [messageItem(id, text)]),
    ...(call === null ? [] : [callItem(id, call)]),
  ];
  const response = { id: `resp_${id}`, object: "response", created_at: 1, model };
  const whole = {
    ...response,
    status: "completed",
    output,
    usage: {
      input_tokens: usage.input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: usage.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.input + usage.output,
    },
  };
  const events = [
    { type: "response.created", response: { ...response, status: "in_progress", output: [] } },
    ...output.flatMap((item, index) => [
      {
        type: "response.output_item.added",
        output_index: index,
        item: { ...item, status: "in_progress" },
      },
      { type: "response.output_item.done", output_index: index, item },
    ]),
    { type: "response.completed", response: whole },
  ];
  return { whole, events: events.map((event, index) => ({ ...event, sequence_number: index })) };
}

function messageItem(id: string, text: string): object {
  const content = [{ type: "output_text", text, annotations: [] }];
  return { id: `msg_${id}`, type: "message", status: "completed", role: "assistant", content };
}

function callItem(id: string, { name, input }: NonNullable<ModelAnswer["call"]>): object {
  return {
    ...{ id: `fc_${id}`, type: "function_call", status: "completed", call_id: `call_${id}` },
    ...{ name, arguments: JSON.stringify(input) },
  };
}
