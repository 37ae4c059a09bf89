const KEPT = ["PATH", "HOME", "USER", "LANG", "LC_ALL"];

/**
 * What the demo's processes see of the caller's environment. Started from a git hook, a test runner or a shell
 * with cloud credentials, the rest would name another repository, runner or account.
 */
export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = KEPT.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(kept), ...more } as NodeJS.ProcessEnv;
}
