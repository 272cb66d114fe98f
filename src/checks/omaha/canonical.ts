/**
 * The fast way through the one shape that update_engine writes (omaha_request_action.cc:89-241): one app, attributes in
 * one order, ASCII. Anything unusual is left to the strict reader; what is read here reads there to the same values.
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
  const [
    ,
    protocol = '',
    installSource = '',
    sp = '',
    appid = '',
    version = '',
    track = '',
    bootid = '',
    oem = '',
    oemversion = '',
    machineid = '',
    machinealias = '',
    board = '',
    ping,
    updatecheck,
    event,
    eventtype = '',
    eventresult = '',
    errorcode = '',
    previousversion = '',
  ] = match
  // Neither is what a syncer sends, and no machine.
  if (ping === undefined && event === undefined) return undefined
  const events = event === undefined ? [] : [{ eventtype, eventresult, errorcode, previousversion }]
  const [pinged, checked] = [ping !== undefined, updatecheck !== undefined]
  const app = {
    appid,
    version,
    track,
    board,
    machineid,
    oem,
    oemversion,
    bootid,
    machinealias,
    multimanifestok: '',
    ping: pinged,
    updatecheck: checked,
    events,
  }
  return { protocol, installSource, apps: [appRequest(app, { arch: '', sp })] }
}
