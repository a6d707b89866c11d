import { autocompletion, closeBrackets, completionKeymap } from '@codemirror/autocomplete';
import { HighlightStyle, bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { lintGutter } from '@codemirror/lint';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { type ReactNode, useEffect, useRef } from 'react';
import { basePath } from './http.ts';

const colors = HighlightStyle.define([
  { tag: tags.number, color: '#1098ad' },
  { tag: tags.string, color: '#2b8a3e' },
  { tag: tags.keyword, color: '#d9480f' },
  { tag: tags.function(tags.variableName), color: '#5f3dc4' },
  { tag: tags.labelName, color: '#1971c2' },
  { tag: tags.comment, color: '#868e96' },
]);

/** An editor for PromQL with completion from the running server; Enter runs, Shift+Enter makes a line. */
export function PromqlEditor(props: {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly onRun: (value: string) => void;
}): ReactNode {
  const holder = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const handlers = useRef(props);
  handlers.current = props;
  useEffect(() => {
    const promql = new PromQLExtension().setComplete({ remote: { url: basePath() } });
    const run = (editor: EditorView): boolean => {
      handlers.current.onRun(editor.state.doc.toString());
      return true;
    };
    const editor = new EditorView({
      parent: holder.current!,
      state: EditorState.create({
        doc: handlers.current.value,
        extensions: [
          promql.asExtension(),
          syntaxHighlighting(colors),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          lintGutter(),
          EditorView.lineWrapping,
          placeholder('A PromQL expression, for example  sum by (model) (rate(model_predictions_total[1m]))'),
          EditorView.contentAttributes.of({ 'aria-label': 'PromQL expression' }),
          keymap.of(completionKeymap),
          Prec.high(keymap.of([{ key: 'Enter', run, shift: () => false }])),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) handlers.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => {
      editor.destroy();
    };
  }, []);
  useEffect(() => {
    const editor = view.current;
    if (editor === null || editor.state.doc.toString() === props.value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: props.value } });
  }, [props.value]);
  return <div className="editor" ref={holder} />;
}
