/** A URL for messages: without user, password, query and fragment. */
export function shownUrl(text: string): string {
  if (!URL.canParse(text)) return 'the URL';
  const { protocol, host, pathname } = new URL(text);
  return `${protocol}//${host}${pathname}`;
}
