export { createFleet } from './fleet.ts';
export { FleetServer, type RunningServer } from './fleet-server.ts';
export { ModelServer, type ModelServerOptions } from './model-server.ts';
export { DEFAULT_SCENARIO, type Scenario, scenarioSchema } from './scenario.ts';
