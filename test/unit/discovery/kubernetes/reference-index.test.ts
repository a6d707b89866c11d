import { expect, test } from 'vitest';
import { ReferenceIndex } from '../../../../src/discovery/kubernetes/reference-index.ts';

test('tells who refers to something now, not who did', () => {
  const index = new ReferenceIndex();
  index.set('a', ['node 1', 'node 2']);
  index.set('b', ['node 2']);
  expect([...index.referringTo('node 1')]).toEqual(['a']);
  expect([...index.referringTo('node 2')]).toEqual(['a', 'b']);
  index.set('a', ['node 3']);
  expect([...index.referringTo('node 1')]).toEqual([]);
  expect([...index.referringTo('node 2')]).toEqual(['b']);
  expect([...index.referringTo('node 3')]).toEqual(['a']);
  index.set('b', []);
  expect([...index.referringTo('node 2')]).toEqual([]);
});
