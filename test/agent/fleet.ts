import type { ProfileName } from "../../shared/contract/profile.ts";
import {
  type Fleet,
  type FleetApi,
  createFleetApi,
  createFleet as makeFleet,
} from "../fixtures/fleet-api.ts";

/** A fleet of its own for one test, and what the test asks the server about it. */
export type TestFleet = Fleet & FleetApi;

export async function createFleet(
  cloud: { readonly url: string; readonly rootKey: string },
  profile: ProfileName = "standard",
): Promise<TestFleet> {
  const fleet = await makeFleet(cloud, profile);
  return { ...fleet, ...createFleetApi(fleet) };
}
