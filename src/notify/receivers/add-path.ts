/** A URL with a path below its own: a slash between them, what has a meaning in URLs escaped, its query kept. */
export function addPath(base: string, path: string): string {
  const url = new URL(base);
  const folder = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`;
  url.pathname = `${folder}${encodeURI(path.toWellFormed()).replaceAll(/[?#]/g, encodeURIComponent)}`;
  return url.href;
}
