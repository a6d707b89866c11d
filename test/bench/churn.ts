import { compareScraping } from './scrape.ts';

/** As `scrape`, but five series in a hundred are other ones at every scrape. */
export async function run(): Promise<void> {
  await compareScraping({ churn: 5 });
}
