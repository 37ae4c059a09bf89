// Invokes the handler of the file named by its argument with the event on standard input, where no package of AWS
// can be loaded, and prints the answer.
import { registerHooks } from "node:module";
import { json } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

registerHooks({
  resolve(specifier, context, next) {
    if (/^@(aws-sdk|smithy)\//.test(specifier)) throw new Error(`${specifier} is not here.`);
    return next(specifier, context);
  },
});

type Handler = (event: unknown) => Promise<unknown>;
const { handler } = (await import(pathToFileURL(process.argv[2] ?? "").href)) as { handler: Handler };
process.stdout.write(`${JSON.stringify(await handler(await json(process.stdin)))}\n`);
