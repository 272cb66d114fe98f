/** Contacts of machines that are alike and got the same answer differ in two ids: the rest is made and written once. */
import { membersText } from '../kernel/json-log.ts'
import type { Decision } from '../release/decide.ts'
import type { Contact } from './contact.ts'
import type { Alike } from './omaha/alike.ts'

interface SharedContact {
  readonly contact: Contact
  /** As `membersText`: up to the machine, from there to the id of the request, and the rest. */
  readonly members: readonly string[]
}

/** By what was answered. */
const shared = new WeakMap<Alike, Map<string, SharedContact>>()
const maxAnswers = 8

/** @param make makes the contact, where it is not known. */
export function shareContact(alike: Alike, decision: Decision | undefined, make: () => Contact): SharedContact {
  const withheld = decision?.kind === 'no-update' ? decision : undefined
  const answer = decision?.kind === 'update' ? decision.offer.release.version : (withheld?.reason ?? '')
  const contacts = shared.get(alike) ?? new Map<string, SharedContact>()
  const known = contacts.get(answer)
  if (known !== undefined && known.contact.because === withheld?.because) return known
  const contact = make()
  if (contacts.size === maxAnswers) contacts.clear()
  const one = { contact, members: membersOf(contact) }
  shared.set(alike, contacts.set(answer, one))
  return one
}

/** Both ids mean themselves in JSON, and no text in it holds a bare quote. */
const membersOf = (contact: Contact): readonly string[] =>
  membersText({ ...contact, machine: '', requestId: '' }).split(/(?<="machine":"|"requestId":")(?=")/)
