/**
 * Options of every AWS client. A request that waits longer than this would outlast the function that made it,
 * and its caller is better served by a 503. Region, credentials and endpoint come from the environment.
 */
export const AWS_CLIENT_OPTIONS = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true },
};
