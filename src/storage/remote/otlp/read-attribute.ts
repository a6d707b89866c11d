import { TocsinError } from '../../../core/errors.ts';
import type { ProtoReader } from '../../../core/protobuf/proto-reader.ts';
import { anyText, checkDepth } from './any-value.ts';
import type { AnyValue } from './any-value.ts';

/** Calls `onField` for each field of the message that the reader has come to. */
export function eachField(reader: ProtoReader, onField: () => void): void {
  const outer = reader.enter();
  while (reader.next()) onField();
  reader.leave(outer);
}

/** Reads a KeyValue: its key, and its value as text. */
export function readAttribute(reader: ProtoReader): [key: string, value: string] {
  let key = '';
  let value: AnyValue;
  eachField(reader, () => {
    if (reader.field === 1) key = reader.text();
    else if (reader.field === 2) value = readAnyValue(reader, 0);
    else reader.skip();
  });
  return [key, anyText(value)];
}

function readAnyValue(reader: ProtoReader, depth: number): AnyValue {
  checkDepth(depth);
  let value: AnyValue;
  eachField(reader, () => {
    switch (reader.field) {
      case 1:
        value = reader.text();
        break;
      case 2:
        value = reader.bool();
        break;
      case 3:
        value = reader.bigInt();
        break;
      case 4:
        value = reader.double();
        break;
      case 5:
        value = readList(reader, depth);
        break;
      case 6:
        value = readMap(reader, depth);
        break;
      case 7:
        value = reader.data();
        break;
      default:
        reader.skip();
    }
  });
  return value;
}

function readList(reader: ProtoReader, depth: number): AnyValue {
  const list: AnyValue[] = [];
  eachField(reader, () => {
    if (reader.field === 1) list.push(readAnyValue(reader, depth + 1));
    else reader.skip();
  });
  return list;
}

function readMap(reader: ProtoReader, depth: number): AnyValue {
  const map = new Map<string, AnyValue>();
  eachField(reader, () => {
    if (reader.field !== 1) {
      reader.skip();
      return;
    }
    let key = '';
    let value: AnyValue;
    eachField(reader, () => {
      if (reader.field === 1) key = reader.text();
      else if (reader.field === 2) value = readAnyValue(reader, depth + 1);
      else reader.skip();
    });
    map.set(key, value);
  });
  return map;
}

/** Bytes of an id as hexadecimal digits; '' when they are none or all zero. Throws TOCSIN_ERR_PARSE for another length. */
export function idText(bytes: Uint8Array, length: number): string {
  if (bytes.length !== 0 && bytes.length !== length) {
    throw new TocsinError('TOCSIN_ERR_PARSE', `an id has ${bytes.length} bytes, not ${length}`);
  }
  return bytes.some((byte) => byte !== 0) ? bytes.toHex() : '';
}
