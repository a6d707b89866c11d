import { parser } from '@prometheus-io/lezer-promql';

/** Whether the grammar of Prometheus' query editor takes a text without an error; it checks no types. */
export function lezerAccepts(text: string): boolean {
  let ok = true;
  parser.parse(text).iterate({
    enter(node) {
      if (node.type.isError) ok = false;
    },
  });
  return ok;
}
