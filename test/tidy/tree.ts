import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseSync } from 'oxc-parser';

/** A file under `src/` that the rules look at. */
export interface SourceFile {
  /** Path below the root, with forward slashes: `src/alerts/alert.ts`. */
  readonly path: string;
  readonly text: string;
  readonly lineCount: number;
  /** Every module named by an import, export-from or dynamic import, as written. */
  readonly imports: readonly string[];
}

/** The rooms that data walks through, and what each may import; `core` and itself go without saying. */
const DATA_ROOMS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  storage: [],
  discovery: [],
  scrape: ['storage', 'discovery'],
  promql: ['storage'],
  template: [],
  alerts: ['storage'],
  rules: ['storage', 'promql', 'template', 'alerts'],
  notify: ['storage', 'discovery', 'alerts', 'template'],
  models: ['storage', 'discovery', 'scrape', 'promql', 'rules', 'alerts', 'notify'],
};
const DATA_ROOM_NAMES = Object.keys(DATA_ROOMS);
const BELOW_API = [...DATA_ROOM_NAMES, 'config', 'review', 'client', 'demo'];

/** The rooms of the house and what each may import. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  ...DATA_ROOMS,
  config: [...DATA_ROOM_NAMES, 'review'],
  review: [...DATA_ROOM_NAMES, 'config'],
  client: [],
  demo: ['client'],
  api: BELOW_API,
  ui: ['api'],
  app: [...BELOW_API, 'api'],
  cli: [...BELOW_API, 'api', 'app'],
};

/** Reads every source file below `root`/src. */
export function readSources(root: string): SourceFile[] {
  const entries = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => {
      const full = join(entry.parentPath, entry.name);
      const text = readFileSync(full, 'utf8');
      return {
        path: relative(root, full).replaceAll('\\', '/'),
        text,
        lineCount: text.split('\n').length - 1,
        imports: importsOf(full, text),
      };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function importsOf(path: string, text: string): string[] {
  const { module, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]!.message}`);
  const named = [
    ...module.staticImports.map((found) => found.moduleRequest.value),
    ...module.staticExports.flatMap((found) =>
      found.entries.flatMap((entry) => entry.moduleRequest?.value ?? []),
    ),
  ];
  const dynamic = module.dynamicImports.flatMap((found) => {
    const written = text.slice(found.moduleRequest.start, found.moduleRequest.end);
    return /^'[^']*'$/.test(written) ? [written.slice(1, -1)] : [];
  });
  return [...new Set([...named, ...dynamic])];
}

/** The room of a path below the root; undefined for files directly in `src/`. */
export function roomOf(path: string): string | undefined {
  const parts = path.split('/');
  return parts[0] === 'src' && parts.length > 2 ? parts[1] : undefined;
}

/** Imports that the house plan does not allow, one line each. */
export function findRoomViolations(files: readonly SourceFile[]): string[] {
  const problems: string[] = [];
  for (const file of files) {
    const room = roomOf(file.path);
    if (room === undefined) continue;
    const allowed = ROOMS[room];
    if (allowed === undefined) {
      problems.push(`${file.path}: ${room} is not a room of the house plan`);
      continue;
    }
    for (const name of file.imports.filter((imported) => imported.startsWith('.'))) {
      const target = resolve('/', dirname(file.path), name).slice(1);
      const problem = judgeImport(room, allowed, target);
      if (problem !== undefined) problems.push(`${file.path}: imports ${target}: ${problem}`);
    }
  }
  return problems;
}

function judgeImport(room: string, allowed: readonly string[], target: string): string | undefined {
  const other = roomOf(target);
  if (other === room) return undefined;
  if (other === undefined) return 'it is outside the rooms';
  if (other === 'core') return target.includes('/testing/') ? 'only tests import the twins' : undefined;
  if (room === 'ui')
    return target === 'src/api/types.ts' ? undefined : 'the page imports only src/api/types.ts';
  if (!allowed.includes(other)) return `${room} may not import ${other}`;
  if (room === 'config')
    return target.endsWith('/config.ts') ? undefined : "config imports only the rooms' config.ts";
  if (target === `src/${other}/index.ts`) return undefined;
  return `go through src/${other}/index.ts`;
}
