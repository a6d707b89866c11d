import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { SearchRegexp } from '../../../src/core/regexp.ts';
import { ConfigError, formatIssue } from '../../../src/core/yaml.ts';
import { formatRuleTestFailure, runRuleTests } from '../../../src/review/index.ts';

/** Files in memory, all in the folder `/t`. */
export async function memoryFiles(texts: Readonly<Record<string, string>>): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  await files.makeFolder('/t');
  for (const [name, text] of Object.entries(texts)) {
    await files.replaceFile(`/t/${name}`, new TextEncoder().encode(text));
  }
  return files;
}

/** Runs the file `name` of {@link memoryFiles}: what does not pass, or `refused: …` for each thing wrong in a file. */
export async function runFile(files: MemoryFileSystem, name: string, run?: string): Promise<string[]> {
  const options = run === undefined ? {} : { run: new SearchRegexp(run) };
  try {
    const { failures, warnings } = await runRuleTests({ files }, `/t/${name}`, options);
    return [...warnings.map((text) => `warning: ${text}`), ...failures.map(formatRuleTestFailure)];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map((issue) => `refused: ${formatIssue(issue)}`);
  }
}
