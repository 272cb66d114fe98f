/** What `/openapi.json` says of the files for systemd-sysupdate. */
import { type Described, names, plain, text } from '../checks/described.ts'

const machine = {
  machine: { about: 'The id of the machine, for ramps and targets.', shape: text },
  running: { about: 'The version that it runs. Without one it is older than every floor.', shape: text },
  oem: { about: 'Its OEM.', shape: text },
}

export const describe = (): Described => ({
  name: 'systemd-sysupdate',
  about: `What \`url-file\` sources of systemd-sysupdate read. systemd drops queries, so \`machine=ID\`, \`running=VERSION\` and
\`oem=OEM\` may also stand as segments of the path before the file.`,
  names: {
    app: names.app,
    channel: names.channel,
    board: names.board,
    file: { about: 'A name of the list, or `SHA256SUMS.gpg`.', shape: text, example: 'docker_28.0.4.raw' },
  },
  paths: {
    '/sysupdate/{app}/{channel}/{board}/SHA256SUMS': {
      get: {
        ...{ id: 'readSysupdateList', summary: 'The files of the release that is offered', query: machine },
        answers: {
          200: plain('As sha256sum writes it. Nothing offered: one line whose name says why.'),
          302: { about: 'To the list that was published with the release, with its signature.', headers: { location } },
        },
        refuses: ['not-found'],
      },
    },
    '/sysupdate/{app}/{channel}/{board}/{file}': {
      get: {
        ...{ id: 'readSysupdateFile', summary: 'A file of the release that is offered', query: machine },
        answers: { 302: { about: 'To the package.', headers: { location } } },
        refuses: ['not-found'],
      },
    },
  },
})

const location = 'Where it is.'
