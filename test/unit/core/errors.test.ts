import { expect, test } from 'vitest';
import { TocsinError, errorText } from '../../../src/core/errors.ts';

const system = Object.assign(new Error('ENOENT: no such file or directory, open x'), { syscall: 'open' });

test.each<[name: string, error: unknown, text: string]>([
  ['what is no error', 'nothing', 'nothing'],
  ['an error without message', new TypeError(), 'TypeError'],
  ['causes', new Error('outer', { cause: new Error('inner') }), 'outer: inner'],
  ['a cause that was said', new Error('outer: inner', { cause: new Error('inner') }), 'outer: inner'],
  ['several lines', new Error('one\n  two'), 'one two'],
  ['a system error alone', system, 'ENOENT: no such file or directory, open x'],
  ['a system error below another error', new Error('outer', { cause: system }), `outer: ${system.message}`],
  [
    'a system error that was put in words',
    new TocsinError('TOCSIN_ERR_STORAGE', 'read x: no such file', { cause: system }),
    'read x: no such file',
  ],
])('the text of %s', (_name, error, text) => {
  expect(errorText(error)).toBe(text);
});
