import { z } from 'zod';
import { createAlertsSchemas, formatMatchers, Route } from '../alerts/index.ts';
import { loadAlertmanagerFile, loadConfig } from '../config/index.ts';
import { Labels } from '../core/labels.ts';
import { requireYaml } from '../core/validate-yaml.ts';
import { parseYaml } from '../core/yaml.ts';
import { checkRuleTemplate } from '../template/index.ts';
import { ALERTMANAGER_FLAGS, ALERTMANAGER_SHORT, callAlertmanager } from './alertmanager-api.ts';
import { withSystem } from './command-context.ts';
import type { CommandContext } from './command-context.ts';
import { flag, runGroup, usageError } from './command-line.ts';
import type { CommandGroup } from './command-line.ts';
import type { ParsedFlags } from './flag-set.ts';
import { parsePair } from './silence.ts';

const CONFIG_FLAG = flag(
  'config.file',
  'text',
  '',
  "alertmanager.yml, or a tocsin.yml with the key `alertmanager`; the running tocsin's when absent.",
);

/** `tocsin routes …`, with the arguments and output of `amtool config routes`. */
export const ROUTES_COMMANDS: CommandGroup = {
  show: {
    args: '[FLAGS]',
    help: 'Draw the routing tree.',
    flags: [...ALERTMANAGER_FLAGS, CONFIG_FLAG],
    short: ALERTMANAGER_SHORT,
    run: showRoutes,
  },
  test: {
    args: '[FLAGS] LABEL=VALUE …',
    help: 'Tell which receivers an alert with these labels goes to.',
    flags: [
      ...ALERTMANAGER_FLAGS,
      CONFIG_FLAG,
      flag(
        'verify.receivers',
        'text',
        '',
        'Comma-separated receivers that are expected; exit code 1 when others come.',
      ),
      flag('tree', 'switch', 'false', 'Draw the way through the tree.'),
    ],
    short: ALERTMANAGER_SHORT,
    run: testRoutes,
  },
};

/** Entry of `tocsin routes`. */
export function run(args: readonly string[]): Promise<number> {
  return withSystem((context) => runRoutes(args, context));
}

/** {@link run} on a given world. */
export function runRoutes(args: readonly string[], context: CommandContext): Promise<number> {
  return runGroup('routes', ROUTES_COMMANDS, args, context, { fallback: 'show' });
}

/** Something drawn as a tree. */
interface TreeNode {
  text: string;
  readonly children: TreeNode[];
}

async function showRoutes(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const root = await loadRoutes(flags, context);
  const toNode = (route: Route): TreeNode => ({
    text: describeRoute(route, true, true),
    children: route.children.map(toNode),
  });
  context.stdout.write(`Routing tree:\n${drawTree(toNode(root))}\n`);
  return 0;
}

async function testRoutes(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const root = await loadRoutes(flags, context);
  const labels = Labels.fromEntries(flags.positional.map(parsePair));
  if (flags.isOn('tree')) {
    context.stdout.write(`Matching routes:\n${drawTree(matchingTree(root, labels))}\n\n`);
  }
  const receivers = root.match(labels).map((route) => route.options.receiver);
  const resolved = receivers.join(',');
  context.stdout.write(`${resolved}\n`);
  const expected = flags.text('verify.receivers');
  if (expected === '' || expected === resolved) return 0;
  context.stdout.write('WARNING: Expected receivers did not match resolved receivers.\n');
  return 1;
}

async function loadRoutes(flags: ParsedFlags, context: CommandContext): Promise<Route> {
  const file = flags.text('config.file');
  if (file === '') {
    const answer = await callAlertmanager(flags, context, { method: 'GET', path: '/status' });
    const { original } = (answer.body as { config: { original: string } }).config;
    // Only the routes: the text has its secrets taken out, so the rest would not pass its checks.
    const schema = z.looseObject({ route: createAlertsSchemas().route });
    return Route.fromConfig(requireYaml(parseYaml(original, flags.text('alertmanager.url')), schema).route);
  }
  const text = new TextDecoder().decode(await context.files.readFile(file));
  const { value } = parseYaml(text, file);
  if (typeof value === 'object' && value !== null && !('route' in value) && 'alertmanager' in value) {
    const { alertmanager } = await loadConfig(context.files, {
      configFile: file,
      environment: context.environment,
      rules: { checkTemplate: checkRuleTemplate },
    });
    if (alertmanager !== undefined) return Route.fromConfig(alertmanager.alerts.route);
    throw usageError(`${file} has no routes`);
  }
  return Route.fromConfig((await loadAlertmanagerFile(context.files, file)).alerts.route);
}

function describeRoute(route: Route, showContinue: boolean, showReceiver: boolean): string {
  const name = route.matchers.length === 0 ? 'default-route' : formatMatchers(route.matchers);
  const goesOn = route.continues && showContinue ? '  continue: true' : '';
  return `${name}${goesOn}${showReceiver ? `  receiver: ${route.options.receiver}` : ''}`;
}

function matchingTree(route: Route, labels: Labels): TreeNode {
  const children: TreeNode[] = [];
  for (const child of route.children) {
    if (child.match(labels).length === 0) continue;
    children.push(matchingTree(child, labels));
    if (!child.continues) break;
  }
  return { text: describeRoute(route, false, children.length === 0), children };
}

function drawTree(root: TreeNode): string {
  const lines = ['.'];
  const draw = (node: TreeNode, indent: string, isLast: boolean): void => {
    lines.push(`${indent}${isLast ? '└── ' : '├── '}${node.text}`);
    const inner = indent + (isLast ? '    ' : '│\u00a0\u00a0 ');
    for (const [i, child] of node.children.entries()) draw(child, inner, i === node.children.length - 1);
  };
  draw(root, '', true);
  return `${lines.join('\n')}\n`;
}
