// Stands in for the sweep where something else is counted: what it does meanwhile is a line of its own.
export const handler = async (): Promise<{ batchItemFailures: [] }> => ({ batchItemFailures: [] });
