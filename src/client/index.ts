export { AlertsService, type AlertsServiceOptions, type AlertMessage } from './alerts-service.ts';
