export { AlertsService, type AlertsServiceOptions, type AlertMessage } from './alerts-service.ts';
export { binNames, binOf, instrumentModel } from './instrument.ts';
export type { FeatureBins, ModelInstruments } from './instrument.ts';
