/** What infra/aws/template.yaml gives the function, as CloudFormation and IAM would make of it. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml'
import type { Seen } from '../s3/server.ts'

type Parameters = Readonly<Record<string, string>>

interface Statement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: string | readonly string[]
  readonly Resource: string | readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export interface Given {
  /** The variables of the function. */
  readonly variables: Readonly<Record<string, string>>
  /** Whether its role, and the policy of the bucket, let a request for an object (or the bucket, without a key) through. */
  allows(permission: string, request: Seen): boolean
}

const file = resolve(import.meta.dirname, '../../infra/aws/template.yaml')
const document = parseDocument(readFileSync(file, 'utf8'), { logLevel: 'silent' })
const absent = Symbol('AWS::NoValue')

/** A part of the template with these parameters, the others as they are by themselves. Names of resources stand for them. */
function evaluator(parameters: Parameters): (...path: readonly string[]) => unknown {
  const at = (...path: readonly string[]): unknown => evaluate(document.getIn(path, true) as Node)
  const named = (name: string): unknown => {
    if (name === 'AWS::NoValue') return absent
    return parameters[name] ?? document.getIn(['Parameters', name, 'Default']) ?? name
  }
  const functions: Readonly<Record<string, (value: never) => unknown>> = {
    '!Ref': named,
    '!GetAtt': (name: string) => name,
    '!Sub': (text: string) => text.replace(/\$\{([^}]+)\}/g, (_, name) => String(named(name))),
    '!If': ([condition, yes, no]: readonly unknown[]) => (at('Conditions', String(condition)) ? yes : no),
    '!Equals': ([a, b]: readonly unknown[]) => a === b,
    '!Not': ([a]: readonly unknown[]) => !a,
    '!And': (all: readonly unknown[]) => all.every(Boolean),
    '!Or': (all: readonly unknown[]) => all.some(Boolean),
    '!Condition': (name: string) => at('Conditions', name),
  }
  function evaluate(node: Node): unknown {
    const make = functions[node.tag ?? '']
    const plain = plainOf(node)
    return make === undefined ? plain : make(plain as never)
  }
  function plainOf(node: Node): unknown {
    if (isScalar(node)) return node.value
    if (isSeq<Node>(node)) {
      const all = node.items.map(evaluate)
      return node.tag?.startsWith('!') ? all : all.filter((value) => value !== absent)
    }
    if (!isMap<{ readonly value: string }, Node>(node)) throw new Error(`${node.tag} is nothing that is known here`)
    const all = node.items.map(({ key, value }) => [key.value, evaluate(value as Node)] as const)
    return Object.fromEntries(all.filter(([, value]) => value !== absent))
  }
  return at
}

/** The properties of each resource that these parameters make, by name. */
export function resourcesOf(parameters: Parameters): ReadonlyMap<string, unknown> {
  const at = evaluator(parameters)
  const names = Object.keys((document.toJS() as { readonly Resources: object }).Resources)
  const isMade = (name: string): boolean => {
    const condition = document.getIn(['Resources', name, 'Condition'])
    return condition === undefined || at('Conditions', String(condition)) === true
  }
  return new Map(names.filter(isMade).map((name) => [name, at('Resources', name, 'Properties')]))
}

export function givenBy(parameters: Parameters): Given {
  const at = evaluator(parameters)
  const policies = at('Resources', 'Role', 'Properties', 'Policies') as readonly {
    readonly PolicyDocument: { readonly Statement: readonly Statement[] }
  }[]
  const ofBucket = at('Resources', 'BucketPolicy', 'Properties', 'PolicyDocument', 'Statement') as readonly Statement[]
  const allowed = policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
  const denied = ofBucket.filter(({ Effect }) => Effect === 'Deny')
  return {
    variables: at('Resources', 'Function', 'Properties', 'Environment', 'Variables') as Given['variables'],
    allows: (permission, request) =>
      allowed.some((one) => isAbout(one, permission, request)) &&
      !denied.some((one) => isAbout(one, permission, request) && isWithout(one, request)),
  }
}

const listOf = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T])

function isAbout({ Action, Resource }: Statement, permission: string, { key }: Seen): boolean {
  const resource = key === '' ? 'Bucket.Arn' : `Bucket.Arn/${key.replace(/^here\//, '')}`
  const isOf = (pattern: string): boolean =>
    pattern.endsWith('*') ? resource.startsWith(pattern.slice(0, -1)) : resource === pattern
  return listOf(Action).includes(permission) && listOf(Resource).some(isOf)
}

/** Whether a write that creates an object lacks each of the conditions that a statement asks for. */
function isWithout({ Condition = {} }: Statement, { operation, headers }: Seen): boolean {
  if (operation === 'UploadPart' || operation === 'CreateMultipartUpload') return false
  return Object.keys(Condition.Null ?? {}).every((name) => headers[name.replace('s3:', '')] === undefined)
}
