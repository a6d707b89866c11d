/** A task for the executors' tests. */
export function run(input: { readonly kind: string; readonly value: number }): number {
  if (input.kind === 'fail') throw new Error('asked to fail');
  while (input.kind === 'spin') input.value.toString();
  return input.value * 2;
}
