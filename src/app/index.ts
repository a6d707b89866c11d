export type { TocsinOptions } from './options.ts';
export { runServe } from './run.ts';
export { DEMO_DATA_PATH, runDemo, runDemoServers, type DemoOptions } from './run-demo.ts';
export { versionText } from './version.ts';
