/**
 * Go templates as rules and notifications use them: {@link TemplateSet} parses and executes, `alertmanagerFunctions`
 * and `notificationData` are what notifications need, `expandRuleTemplate` what rules need. All failures are
 * {@link TemplateError}s.
 */
export { alertmanagerFunctions, type AlertmanagerFunctionOptions } from './alertmanager-functions.ts';
export { TemplateError } from './errors.ts';
export type { TemplateLimits } from './exec-types.ts';
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
  prometheusFunctions,
  type PrometheusFunctionOptions,
  type TemplateSample,
} from './prometheus-functions.ts';
export { checkRuleTemplate, expandRuleTemplate, type RuleTemplateContext } from './rule-template.ts';
export { TemplateSet, type TemplateOptions, type TemplateText } from './template-set.ts';
export {
  GoMap,
  GoSlice,
  GoStruct,
  SafeText,
  asyncFn,
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
  type SliceMethods,
  type TemplateFunction,
  type TemplateValue,
} from './value.ts';
