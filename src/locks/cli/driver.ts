/** `platte lock driver`: what keeps a group. */
import { show } from '../../cli/terminal.ts'
import { type Driver, drivers, moveGroup, type Placement, placeOf } from '../driver.ts'
import { type LockOptions, open, openSafely } from './group.ts'

export const driverWords = `what keeps it: ${drivers.join(' or ')}`

export async function changeDriver(to: Driver | undefined, options: LockOptions): Promise<void> {
  const { group } = options
  const placement =
    to === undefined ? await placeOf(await open(options), group) : await moveGroup(await openSafely(options), group, to)
  show(options.json, { group, ...placement }, [placementText(group, placement)])
}

const words = {
  kept: (group: string, driver: Driver) => `group ${group} is kept by: ${driver}`,
  leaves: (group: string, driver: Driver) =>
    `group ${group} goes to: ${driver}. The next request to a Worker with Durable Objects takes it there`,
  returns: (group: string) =>
    `group ${group} comes back to the bucket with the next request to the Worker whose Durable Object has it`,
}

export const placementText = (group: string, { driver, state }: Placement): string => words[state](group, driver)
