/**
 * The fast way through the one shape that update_engine writes (omaha_request_action.cc:89-241): one app, attributes in
 * one order, ASCII. Anything else is left to the strict reader; what is read here reads there to the same values.
 */
import type { OmahaRequest } from './omaha.ts'
import { appRequest } from './values.ts'

/** An attribute's value that means itself: no references, no quotes, no blanks but spaces. */
const V = `[ !#-%'-;=-~]*`
/** Between elements. Every part below starts with a character that the part before it cannot hold, so nothing backtracks far. */
const S = '[ \\n]*'

const canonical = new RegExp(
  [
    `^<\\?xml version="1\\.0" encoding="UTF-8"\\?>${S}`,
    `<request protocol="(3\\.\\d{1,3})" version="${V}" updaterversion="${V}"`,
    ` installsource="(${V})" ismachine="${V}">${S}`,
    `<os version="${V}" platform="${V}" sp="(${V})"></os>${S}`,
    `<app appid="(${V})" version="(${V})" track="(${V})" bootid="(${V})"`,
    ` oem="(${V})" oemversion="(${V})" alephversion="${V}" machineid="(${V})"`,
    `(?: machinealias="(${V})")? lang="${V}" board="(${V})"`,
    ` hardware_class="${V}" delta_okay="${V}" ?>${S}`,
    `(<ping active="${V}"></ping>${S})?`,
    `(<updatecheck></updatecheck>${S})?`,
    `(<event eventtype="(${V})" eventresult="(${V})"`,
    `(?: errorcode="(${V})")?(?: previousversion="(${V})")?></event>${S})?`,
    `</app>${S}</request>${S}$`,
  ].join(''),
)

/** @returns `undefined` for a request of any other shape, well-formed or not. */
export function parseCanonical(text: string): OmahaRequest | undefined {
  const match = canonical.exec(text)
  if (match === null) return undefined
  const [ping, updatecheck, event] = [match[13] !== undefined, match[14] !== undefined, match[15] !== undefined]
  // Neither is what a syncer sends, and no machine.
  if (!ping && !event) return undefined
  const attributes = {
    appid: match[4],
    version: match[5],
    track: match[6],
    bootid: match[7],
    oem: match[8],
    oemversion: match[9],
    machineid: match[10],
    machinealias: match[11],
    board: match[12],
  }
  const events = event
    ? [{ eventtype: match[16], eventresult: match[17], errorcode: match[18], previousversion: match[19] }]
    : []
  return {
    protocol: match[1] ?? '',
    installSource: match[2] ?? '',
    apps: [appRequest({ attributes, ping, updatecheck, events }, { sp: match[3] })],
  }
}
