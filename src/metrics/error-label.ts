/** Codes with a name; `http 404` and its like count as one. */
const namedError = /^\d+ (?!code )(http )?/

/** @param error as `44 rollback`. @returns a label of metrics: a code, `http`, or `other`. */
export function errorLabel(error: string): string {
  const named = namedError.exec(error)
  if (named?.[1]) return 'http'
  return named ? error.replace(/ .*/, '') : 'other'
}
