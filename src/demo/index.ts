export { createFleet } from './fleet.ts';
export { FleetServer, type RunningServer } from './fleet-server.ts';
export { DEFAULT_SCENARIO } from './scenario.ts';
