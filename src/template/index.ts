/**
 * Go templates as rules and notifications use them.
 *
 * In the next commits: `class TemplateSet { static parse(sources: readonly { name: string; text: string }[], options: {
 * functions: FunctionMap; limits?: TemplateLimits }): TemplateSet; executeText(text, data): string; executeHtml(text,
 * data): string; execute(name, data): string; executeTextAsync(text, data): Promise<string> }`, the functions
 * `alertmanagerFunctions({ nowMs, routeLabels? })` and `prometheusFunctions({ … })` (both FunctionMaps), and
 * `expandRuleTemplate(text, { name, labels, value, externalLabels, externalUrl, query, nowMs }): Promise<string>` with
 * `checkRuleTemplate(name, text): void` for the load of rule files. All failures are TemplateError.
 */
export { TemplateError } from './errors.ts';
export { GoDuration, GoNamedInt, GoTime } from './go-time.ts';
export {
  alertValue,
  alertsValue,
  kv,
  kvStrings,
  notificationData,
  quoteMeta,
  type AlertView,
  type NotificationView,
} from './notification-data.ts';
export {
  GoMap,
  GoSlice,
  GoStruct,
  SafeText,
  fn,
  labelsMap,
  stringMap,
  stringSlice,
  variadicFn,
  type FunctionMap,
  type GoField,
  type MethodMap,
  type ParamType,
  type ParamTypes,
  type SafeKind,
  type TemplateFunction,
  type TemplateValue,
} from './value.ts';
