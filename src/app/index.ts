export type { TocsinOptions } from './options.ts';
export type { TocsinPorts } from './ports.ts';
export { createSystemPorts } from './ports.ts';
export { runServe } from './run.ts';
export { DEMO_DATA_PATH, runDemo, runDemoServers, type DemoOptions } from './run-demo.ts';
export { Tocsin } from './tocsin.ts';
export { VERSION, versionText } from './version.ts';
