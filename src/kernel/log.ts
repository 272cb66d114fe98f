/** One thing that happened. Values are short and never secret: no bodies, headers, keys or query strings. */
export interface LogEntry {
  readonly level: 'info' | 'warn' | 'error'
  /** What happened, a fixed word: `check`, `catalog`, `publish`, `serve`, … */
  readonly event: string
  readonly [field: string]: string | number | boolean | undefined
}

/** Takes an entry and returns at once; never throws, never delays an answer. */
export type Log = (entry: LogEntry) => void
