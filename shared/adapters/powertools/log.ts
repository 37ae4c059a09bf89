import { Logger } from "@aws-lambda-powertools/logger";
import type { Log } from "../../ports/ports.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * One JSON object a line on standard output, from the level that Lambda's own log setting names upwards
 * (`AWS_LAMBDA_LOG_LEVEL`, else INFO). The service is `POWERTOOLS_SERVICE_NAME`.
 */
export function createLog(): Log {
  const logger = new Logger();
  const withFields = (always: Fields): Log => {
    const at = (level: "info" | "warn" | "error") => (message: string, fields?: Fields) => {
      logger[level](message, { ...always, ...fields });
    };
    const [info, warn, error] = [at("info"), at("warn"), at("error")];
    return { info, warn, error, with: (fields) => withFields({ ...always, ...fields }) };
  };
  return withFields({});
}
