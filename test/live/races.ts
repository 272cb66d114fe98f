/** Races between clients that share nothing but the store: each has its own connections. */
import type { Documents } from '../../src/store/documents.ts'
import { type At, present, type Row, same, text } from '../conformance/rows.ts'

/** A client of its own. */
export type NewClient = () => Promise<Documents>

const racers = 16
const rounds = 50
const cap = 1024

export const raceRows: readonly Row<NewClient>[] = [
  {
    name: `of ${racers} clients that create one document, one wins, ${rounds} times over`,
    run: (newClient, at) =>
      race(newClient, at, async () => (client, key, bytes) => won(client.create(key, bytes), 'created', 'taken')),
  },
  {
    name: `of ${racers} clients that swap one state, one wins, ${rounds} times over`,
    run: (newClient, at) =>
      race(newClient, at, async (first, key) => {
        same(await first.create(key, text('first')), 'created', 'create')
        const { token } = present(await first.get(key, cap), 'get')
        return (client, of, bytes) => won(client.swap(of, bytes, token), 'ok', 'conflict')
      }),
  },
]

type Write = (client: Documents, key: string, bytes: Uint8Array) => Promise<boolean>

async function race(
  newClient: NewClient,
  at: At,
  prepare: (first: Documents, key: string) => Promise<Write>,
): Promise<void> {
  const clients = await Promise.all(Array.from({ length: racers }, newClient))
  const [first] = clients
  for (let round = 0; round < rounds; round++) {
    const key = at(`${round}.jws`)
    const write = await prepare(present(first, 'a client'), key)
    const wins = await Promise.all(clients.map((client, n) => write(client, key, text(`racer ${n}`))))
    same(wins.filter((one) => one).length, 1, `winners of round ${round}`)
    const winner = text(`racer ${wins.indexOf(true)}`)
    for (const client of clients)
      same((await client.get(key, cap))?.bytes, winner, `what a racer of round ${round} reads`)
  }
}

/** @throws Error where the outcome is neither of the two. */
async function won<Outcome extends string>(outcome: Promise<Outcome>, win: Outcome, loss: Outcome): Promise<boolean> {
  const got = await outcome
  same([win, loss].includes(got), true, `${got} is ${win} or ${loss}`)
  return got === win
}
