import type { SeededRandom } from '../core/seeded-random.ts';
import { ImageServer } from './image-server.ts';
import { LlmServer } from './llm-server.ts';
import type { ModelServer } from './model-server.ts';
import type { Scenario } from './scenario.ts';
import { TabularServer } from './tabular-server.ts';

/** The demo's servers: two replicas of a tabular classifier, two of an LLM, one of an image model. */
export function createFleet(random: SeededRandom, scenario: Scenario, startMs: number): ModelServer[] {
  const options = (
    model: string,
    index: number,
  ): { model: string; replica: string; random: SeededRandom; scenario: Scenario; startMs: number } => ({
    model,
    replica: `${model}-${index}`,
    random: random.fork(),
    scenario,
    startMs,
  });
  return [
    new TabularServer(options('fraud-detector', 0), '2.3.1'),
    new TabularServer(options('fraud-detector', 1), '2.3.1'),
    new LlmServer(options('support-chat', 0), 'meta-llama/Llama-3.1-8B-Instruct'),
    new LlmServer(options('support-chat', 1), 'meta-llama/Llama-3.1-8B-Instruct'),
    new ImageServer(options('product-vision', 0), 'resnet50'),
  ];
}
