import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TocsinError } from '../../../../src/core/errors.ts';
import { parseXml } from '../../../../src/core/aws/xml.ts';

describe('XML answers', () => {
  test('are elements and texts', () => {
    const root = parseXml(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE x>
<!-- a <comment> -->
<Answer xmlns="http://ec2/doc/">
  <a:list xmlns:a="x">no</a:list>
  <set><item><key>a&amp;b &#x1F999;&#65; &lt;&gt;&quot;&apos;</key><value/></item><other/><item/></set>
  <raw><![CDATA[<not & an element>]]></raw>
</Answer>`);
    expect(root.name).toBe('Answer');
    expect(root.itemsAt('set')).toHaveLength(2);
    expect(root.itemsAt('set')[0]!.textAt('key')).toBe('a&b 🦙A <>"\'');
    expect(root.textAt('set', 'item', 'value')).toBe('');
    expect(root.textAt('set', 'item', 'nothing', 'below')).toBeUndefined();
    expect(root.textAt('raw')).toBe('<not & an element>');
    expect(root.itemsAt('nothing')).toEqual([]);
  });

  test.each([
    '',
    'text',
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    '<a',
    '<a>&nope;</a>',
    '<a>&amp</a>',
    '<a>&#x110000;</a>',
    '< a/>',
    '<a>'.repeat(100),
  ])('that are not well-formed are refused: %j', (text) => {
    expect(() => parseXml(text)).toThrow('not well-formed XML');
  });

  test('of whatever kind are an element or an error of ours', () => {
    const piece = fc.constantFrom(
      '<a>',
      '</a>',
      '<b/>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '&',
      ';',
      '<',
      '>',
      'x',
    );
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join('')),
        (text) => {
          try {
            parseXml(text);
          } catch (error) {
            expect(error).toBeInstanceOf(TocsinError);
          }
        },
      ),
      { seed: 3, numRuns: 2000 },
    );
  });
});
