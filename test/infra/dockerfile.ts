/** Reads the part of the Dockerfile language that ours is written in; anything else is an error, never skipped. */

/** One instruction, with continued lines joined. */
export interface Step {
  readonly op:
    | 'ARG'
    | 'LABEL'
    | 'ENV'
    | 'WORKDIR'
    | 'COPY'
    | 'RUN'
    | 'USER'
    | 'EXPOSE'
    | 'HEALTHCHECK'
    | 'ENTRYPOINT'
    | 'CMD'
  readonly text: string
}

export interface Stage {
  readonly base: string
  readonly name: string
  readonly steps: readonly Step[]
}

const ops: readonly string[] = 'ARG LABEL ENV WORKDIR COPY RUN USER EXPOSE HEALTHCHECK ENTRYPOINT CMD'.split(' ')
const isOp = (word: string): word is Step['op'] => ops.includes(word)

/** @throws Error for an instruction that is not known here. */
export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { base: string; name: string; steps: Step[] }[] = []
  const lines = text.split('\n').filter((line) => !/^\s*(#|$)/.test(line))
  for (const line of lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')) {
    const [, op = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    const [, base, name] = (op === 'FROM' && /^(?:--platform=\S+ )?([\w.:/-]+)(?: AS (\w+))?$/.exec(rest)) || []
    if (base !== undefined) stages.push({ base, name: name ?? '', steps: [] })
    else if (isOp(op) && stages.length > 0) stages.at(-1)?.steps.push({ op, text: rest })
    else throw new Error(`not understood: ${line}`)
  }
  return stages
}

/** The words of the last instruction of a kind, which is the one that counts. @throws Error unless in the exec form. */
export function execForm({ steps }: Stage, op: Step['op']): readonly string[] {
  const text = steps.findLast((step) => step.op === op)?.text ?? ''
  const words: unknown = JSON.parse(text.slice(text.indexOf('[')))
  if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words
  throw new Error(`${op} is not in the exec form: ${text}`)
}

/** What a stage's ENV lines set. @throws Error for a value with quotes or blanks. */
export function environmentOf({ steps }: Stage): Readonly<Record<string, string>> {
  const pairs = steps.filter(({ op }) => op === 'ENV').flatMap(({ text }) => text.split(' '))
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name = '', value = ''] = /^(\w+)=([^"'\\$]+)$/.exec(pair) ?? []
      if (name === '') throw new Error(`not understood: ENV ${pair}`)
      return [name, value]
    }),
  )
}
