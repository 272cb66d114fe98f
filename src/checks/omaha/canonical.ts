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

/** What its groups hold, in their order. */
const groups = (
  'all protocol installsource sp appid version track bootid oem oemversion machineid machinealias board ping ' +
  'updatecheck event eventtype eventresult errorcode previousversion'
).split(' ')
const groupOf: Readonly<Record<string, number>> = Object.fromEntries(groups.map((name, index) => [name, index]))

/** @returns `undefined` for a request of any other shape, well-formed or not. */
export function parseCanonical(text: string): OmahaRequest | undefined {
  const match = canonical.exec(text)
  if (match === null) return undefined
  const attributes = (name: string): string => match[groupOf[name] ?? -1] ?? ''
  const has = (name: string): boolean => attributes(name) !== ''
  // Neither is what a syncer sends, and no machine.
  if (!has('ping') && !has('event')) return undefined
  const app = {
    attributes,
    ping: has('ping'),
    updatecheck: has('updatecheck'),
    events: has('event') ? [attributes] : [],
  }
  return {
    protocol: attributes('protocol'),
    installSource: attributes('installsource'),
    apps: [appRequest(app, attributes)],
  }
}
