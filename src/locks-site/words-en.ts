/** The texts of the page of reboot locks in English. Other languages have the same type. */
const machines = (count: number): string => `${count} ${count === 1 ? 'machine' : 'machines'}`

export const english = {
  title: 'Reboot locks',
  footer: 'Machines are not authenticated one by one: a token of machines can ask in the name of any of its group.',
  login: {
    title: 'Sign in to the reboot locks',
    intro:
      'Enter a token of PLATTE_LOCK_TOKENS, or PLATTE_FLEET_TOKEN. A token sees its groups; one with `admin` can free slots.',
    ...{ token: 'Token', submit: 'Sign in', out: 'Sign out' },
    wrong: 'This is not a token of this page.',
    byHttp: (url: string): string =>
      `This page was opened by http, so the browser cannot stay signed in. Open ${url} instead.`,
    tooMany: 'Too many wrong tokens. Wait a minute, then try again.',
  },
  asOf: 'as of {time}',
  all: 'All groups',
  none: 'There is no group that this token may see.',
  noneHint: 'platte lock create GROUP makes one.',
  damaged: 'Groups that cannot be read: their machines do not reboot.',
  elsewhere: 'Groups that a Durable Object keeps are not shown here.',
  shown: (from: number, to: number, all: number): string => `Groups ${from} to ${to} of ${all}`,
  more: (count: number): string => `… and ${count} more: see platte lock status`,
  noGroup: (group: string): string => `There is no group ${group} that this token may see.`,
  heads: {
    ...{
      group: 'Group',
      slots: 'Slots',
      taken: 'Taken',
      soaking: 'Soaking',
      waiting: 'Waiting',
      oldest: 'Oldest slot since',
    },
    ...{ closed: 'Closed', machine: 'Machine', by: 'By', since: 'Since', seen: 'Last seen', zone: 'Zone' },
    ...{ first: 'First asked', last: 'Last asked', why: 'Why', at: 'When', what: 'What', who: 'Who' },
  },
  slots: (taken: number, max: number): string => `${taken} of ${max} slots taken`,
  holders: 'Who holds a slot',
  noHolders: 'No machine holds a slot.',
  overdue: 'overdue',
  soaking: (count: number): string => `${machines(count)} came back, and keep their slots for now`,
  waiting: 'Who waits',
  noWaiting: 'No machine waits.',
  waitingHint: 'By when they asked first; slots are not given by this order.',
  silent: (count: number): string => `${machines(count)} stopped asking without a slot`,
  address: 'an address',
  history: 'History',
  reasons: {
    ...{
      full: 'no slot is free',
      kept: 'the slot is kept for locksmith',
      hold: 'a release is held',
      freeze: 'a freeze',
    },
    ...{ rollback: 'a machine fell back', window: 'outside its windows', soak: 'a slot soaks', zone: 'its zone' },
    ...{ gate: 'a gate' },
  } as Readonly<Record<string, string>>,
  events: {
    ...{
      create: 'group made',
      lock: 'slot taken',
      unlock: 'slot freed',
      'set-max': 'slots set',
      policy: 'policy changed',
    },
    ...{ expire: 'overdue: slot freed', release: 'came back: slot freed', rollback: 'a machine fell back' },
    ...{ acknowledge: 'pause ended' },
  } as Readonly<Record<string, string>>,
  unlock: {
    button: 'Free the slot …',
    title: 'Free this slot?',
    warning:
      'Another machine may then reboot. A slow boot is not death: look at the machine first. If it holds the slot for a reason, more machines than the limit may be down.',
    ...{ submit: 'Free the slot', cancel: 'Back' },
    done: (id: string): string => `The slot of ${id} is free.`,
    changed: 'Nothing was changed: this machine does not hold the slot any more that the page showed.',
    denied: (group: string): string => `This token has no right admin for ${group}.`,
  },
}

export type LockWords = typeof english
