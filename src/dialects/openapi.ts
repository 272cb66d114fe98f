/** What `/openapi.json` says of gupdate. */
import { type Described, plain, text } from '../checks/described.ts'
import { gupdatePath } from './paths.ts'

const xml = { type: 'string', contentMediaType: 'text/xml' } as const
const extension = 'id=ghbmnnjooekpmoecnnnilnnbdlolhkhi&v=1.0&uc'

export const describe = (): Described => ({
  name: 'Browsers',
  about: 'What browsers ask for extensions that come by policy. JSON goes to the paths of update checks.',
  names: {},
  paths: {
    [gupdatePath]: {
      get: {
        ...{ id: 'checkForExtensions', summary: 'Checks for updates of extensions (gupdate 2.0)' },
        query: {
          x: {
            about: 'An extension, as a query of its own: `id`, `v`, `uc`. May be repeated.',
            shape: text,
            example: extension,
          },
          channel: { about: 'A channel for all of them. Default: stable.', shape: text },
          os: { about: 'The operating system, such as `win`, `mac` or `linux`.', shape: text },
          arch: { about: 'The processor, such as `x64` or `arm64`.', shape: text },
          prodversion: { about: 'The version of the browser.', shape: text },
        },
        answers: { 200: { about: 'A gupdate response.', content: { 'text/xml': xml } } },
        dialect: { ...plain('One line, `error: …`.'), statuses: [413, 500] },
      },
    },
  },
})
