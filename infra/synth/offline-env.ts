/** Variables of the caller that a program needs to run at all, or to find its code compiled; none opens an account. */
const KEPT =
  /^(PATH|HOME|TMPDIR|LANG|LC_.*|USER|SHELL|npm_config_.*|NPM_CONFIG_.*|NODE_EXTRA_CA_CERTS|NODE_COMPILE_CACHE)$/;
const PROXIES = /^(https?|no)_proxy$/i;

const OFFLINE = {
  SST_TELEMETRY_DISABLED: "1",
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_CONFIG_FILE: "/dev/null",
  AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  // Nothing listens on port 1: a call to AWS that slipped through fails at once instead of leaving the machine.
  AWS_ENDPOINT_URL: "http://127.0.0.1:1",
};

function pick(pattern: RegExp): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => pattern.test(name)));
}

/** The environment of everything the synth starts: no credentials, no profile, no road to AWS. */
export function offlineEnv(): NodeJS.ProcessEnv {
  return { ...pick(KEPT), ...OFFLINE };
}

/** The same for an installation, which reaches the npm registry as npm itself would, of all providers that the stack may ask for. */
export function installEnv(): NodeJS.ProcessEnv {
  return { ...offlineEnv(), ...pick(PROXIES), SST_SKIP_DEPENDENCY_CHECK: "1", SHIM_UPSTASH: "create" };
}
