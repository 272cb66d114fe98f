/** Pages and feeds of the store that scenes play against: they tell instants, so they are looked at rather than compared. */
import { expect } from 'vitest'
import { publicUrl } from './fixture.ts'
import type { Send } from './runner.ts'

const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'

const looks: readonly (readonly [path: string, type: string, shows: readonly RegExp[]])[] = [
  ['/', 'text/html; charset=utf-8', [/<html lang="en">/, /<p class="version">4152\.2\.0<\/p>/, /href="\/channels\//]],
  ['/?lang=zh', 'text/html; charset=utf-8', [/<html lang="zh-Hans">/, /更新通道/]],
  [`/channels/${app}/beta`, 'text/html; charset=utf-8', [/id="4081\.2\.0"/, /<li>It boots\.<\/li>/, /oem-c%2B%2B\.gz/]],
  [`/explain?app=${app}&channel=beta&version=1&board=amd64-usr`, 'text/html; charset=utf-8', [/Update to 4152\.2\.0/]],
  ...['My-dev.stable', 'Werkstatt%20S%C3%BCd', 'Werkstatt%20Su%CC%88d', '%E6%B8%AC%E8%A9%A6'].map(
    (alias) => [`/channels/${app}/${alias}`, 'text/html; charset=utf-8', [/Werkstatt Süd/, /id="4152\.2\.0"/]] as const,
  ),
  [`/v1/channels/${app}/Werkstatt%20S%C3%BCd`, 'application/json; charset=utf-8', [/"aliases":\[.*"Werkstatt Süd"/]],
  [
    `/explain?app=${app}&channel=Werkstatt%20S%C3%BCd&version=1&board=amd64-usr`,
    'text/html; charset=utf-8',
    [/Update to 4152\.2\.0/],
  ],
  ['/client-config?group=Werkstatt%20S%C3%BCd', 'text/html; charset=utf-8', [/GROUP=Werkstatt Süd\n/]],
  ['/client-config', 'text/html; charset=utf-8', [new RegExp(`SERVER=${publicUrl}/v1/update/`)]],
  [`/channels/${app}/beta/feed.atom`, 'application/atom+xml; charset=utf-8', [/<feed xmlns=/, /It boots/]],
  ['/v1/channels', 'application/json; charset=utf-8', [/"channel":"rollout"/, /"offered":"4152\.2\.0"/]],
]

/** Looks at a page of each kind. */
export async function lookAtPages(send: Send): Promise<void> {
  const get = (path: string) => send({ method: 'GET', path, headers: {}, body: undefined })
  for (const [path, type, shows] of looks) {
    const { status, header, body } = await get(path)
    expect([path, status, header('content-type')]).toEqual([path, 200, type])
    for (const one of shows) expect(new TextDecoder().decode(body)).toMatch(one)
  }
  const home = new TextDecoder().decode((await get('/')).body)
  const style = await get(/href="(\/pages\/[0-9a-f]+\.css)"/.exec(home)?.[1] ?? '')
  expect([style.status, style.header('content-type')]).toEqual([200, 'text/css; charset=utf-8'])
}
