/** Whom a release is for. */
import { textDigest } from '../kernel/digest.ts'
import type { Target } from './channel.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'

/** Texts are empty where unknown; without a version that it runs, it is below everything. */
export interface Machine {
  readonly running: Version | undefined
  readonly oem: string
  /** The version of its operating system, where it says it. */
  readonly os?: string | undefined
  readonly machineId: string
  /** Answers as for a machine on no list, to keep the lists private. */
  readonly onNoList?: boolean
  /** A server that copies releases, and offers them to its whole fleet. */
  readonly isSyncer?: boolean
}

/** Why a target refuses a machine; `undefined`: it admits it. `of`: that target. */
export type Admission = ((machine: Machine) => string | undefined) & { readonly of?: Target }

/** How lists name a machine without revealing it: SHA-256 of the lower-case id, as hex. */
export const machineHash = (machineId: string): string => textDigest(machineId.toLowerCase())

/** Each release may have a list, and hashing costs most of it. */
let last: Readonly<{ of: Machine; hash: string }> | undefined
const hashOf = (of: Machine): string => {
  if (last?.of !== of) last = { of, hash: machineHash(of.machineId) }
  return last.hash
}

/** An invalid range of versions refuses every machine. */
export function readTarget(target: Target): Admission {
  const { oem, os, from, machines } = target
  const [inRange, isOnOs] = [from, os].map(rangeOf)
  const allow = machines?.allow && new Set(machines.allow)
  const deny = machines?.deny && new Set(machines.deny)
  const admission = (machine: Machine): string | undefined => {
    if (machine.isSyncer) return 'it is not for every machine, and a syncer offers it to all of its own'
    if (oem?.only && !oem.only.includes(machine.oem)) return `it is for OEM ${oem.only.join(', ')} only`
    if (oem?.not?.includes(machine.oem)) return `it is not for OEM ${machine.oem}`
    if (isOnOs && !isOn(isOnOs, machine.os)) return `it is for operating systems of version ${os} only`
    if (inRange && !inRange(machine.running)) return `it is for machines that run ${from}`
    if (allow === undefined && deny === undefined) return undefined
    const listed = machine.machineId === '' || machine.onNoList ? undefined : hashOf(machine)
    if (allow && !(listed && allow.has(listed))) return 'it is for a list of machines only'
    return listed && deny?.has(listed) ? 'it is not for a list of machines' : undefined
  }
  return Object.assign(admission, { of: target })
}

type Range = (version: Version | undefined) => boolean

const rangeOf = (text: string | undefined): Range | undefined =>
  text === undefined ? undefined : (readRange(text) ?? (() => false))

/** A system that does not say its version is in no range. What follows the numbers is a build's name, as of Linux kernels. */
function isOn(range: Range, os = ''): boolean {
  const version = parseVersion(/^[\d.]*\d/.exec(os)?.[0] ?? '')
  return version !== undefined && range(version)
}

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  '>=': (order) => order >= 0,
  '>': (order) => order > 0,
  '<=': (order) => order <= 0,
  '<': (order) => order < 0,
  '=': (order) => order === 0,
}

/** @returns what is invalid about a range of versions. */
export const rangeProblem = (text: string): string | undefined =>
  readRange(text) ? undefined : `${JSON.stringify(text)} is not a range of versions, such as ">=4081.0.0 <4600.0.0"`

/** Reads comparisons between blanks, all of which must hold; `undefined`: invalid. */
function readRange(text: string): Range | undefined {
  const tests = text.split(' ').map((part) => {
    const [, sign = '', version = ''] = /^(>=|<=|>|<|=)(.+)$/.exec(part) ?? []
    const [holds, bound] = [comparisons[sign], parseVersion(version)]
    return holds && bound && ((running: Version | undefined) => holds(compareVersions(running, bound)))
  })
  return tests.every((one) => one !== undefined) ? (running) => tests.every((test) => test(running)) : undefined
}
