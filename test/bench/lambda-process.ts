/** One environment of Lambda that answers one event. Started by starts.ts. */
import { report } from './child.ts'

const [file = '', event = ''] = process.argv.slice(2)
const { handler } = await import(file)
report(await handler(JSON.parse(event)))
