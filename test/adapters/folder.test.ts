/** What the folder stores do beyond the ports' suites: files that are odd, disks that are full, leftovers. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmod,
  cp,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/kernel/clock.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { StoredDocument } from '../../src/store/documents.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { syncFolder } from '../../src/store/folder/files.ts'
import { folderPackages } from '../../src/store/folder/packages.ts'
import { folderUploads } from '../../src/store/folder/uploads.ts'

const hourMs = 60 * 60 * 1000
const key = 'locks/a.json'
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'platte-folder-'))
})
afterEach(() => rm(root, { recursive: true }))

const documents = (clock = systemClock) => folderDocuments(root, { clock })
const packages = (clock = systemClock) => folderPackages(root, { clock, newHasher: nodeHasher })
const at = (...parts: string[]): string => join(root, ...parts)

async function read(): Promise<StoredDocument & { readonly text: string }> {
  const there = await documents().get(key, 1000)
  if (there === undefined) throw new Error('absent')
  return { ...there, text: new TextDecoder().decode(there.bytes) }
}

/** A document whose last writer died after its link and before its rename: the file still holds `one`. */
async function unfinishedSwap(): Promise<string> {
  await documents().create(key, bytesOf('one'))
  const { token } = await read()
  await link(at(key), at('saved'))
  expect(await documents().swap(key, bytesOf('two'), token)).toBe('ok')
  await rename(at('saved'), at(key))
  return token
}

test('who waits for the same sync of a folder shares its failure, and later ones begin anew', async () => {
  const syncs = () => Promise.allSettled(Array.from({ length: 5 }, () => syncFolder(at('new'))))
  expect((await syncs()).map(({ status }) => status)).toEqual(Array(5).fill('rejected'))
  await mkdir(at('new'))
  expect((await syncs()).map(({ status }) => status)).toEqual(Array(5).fill('fulfilled'))
})

describe('a swap whose writer died before its rename', () => {
  test('is visible to every reader', async () => {
    await unfinishedSwap()
    expect((await read()).text).toBe('two')
  })

  test('is permanent: a swap with the earlier token is a conflict', async () => {
    const token = await unfinishedSwap()
    expect(await documents().swap(key, bytesOf('three'), token)).toBe('conflict')
    expect((await read()).text).toBe('two')
  })

  test('is completed by the next swap; of two concurrent swaps one wins', async () => {
    await unfinishedSwap()
    const { token } = await read()
    const outcomes = await Promise.all(['a', 'b'].map((text) => documents().swap(key, bytesOf(text), token)))
    expect(outcomes.toSorted()).toEqual(['conflict', 'ok'])
    const winner = outcomes[0] === 'ok' ? 'a' : 'b'
    expect((await read()).text).toBe(winner)
    await rm(at('.next'), { recursive: true })
    expect((await read()).text).toBe(winner)
  })

  test('is the state that create compares with', async () => {
    await unfinishedSwap()
    expect(await documents().create(key, bytesOf('two'))).toBe('same')
    expect(await documents().create(key, bytesOf('one'))).toBe('taken')
  })
})

describe('files changed by other programs', () => {
  test('a file copied in by hand is the document', async () => {
    await unfinishedSwap()
    await writeFile(at('by-hand'), 'by hand')
    await cp(at('by-hand'), at(key))
    const { text, token } = await read()
    expect(text).toBe('by hand')
    expect(await documents().swap(key, bytesOf('next'), token)).toBe('ok')
    expect((await read()).text).toBe('next')
  })

  test('a document with a future date can be swapped, and its states get distinct tokens', async () => {
    await documents().create(key, bytesOf('one'))
    const year2040 = 2_208_988_800
    await utimes(at(key), year2040, year2040)
    const first = await read()
    expect(await documents().swap(key, bytesOf('two'), first.token)).toBe('ok')
    expect(await documents().swap(key, bytesOf('one'), (await read()).token)).toBe('ok')
    expect((await read()).token).not.toBe(first.token)
    expect(await documents().swap(key, bytesOf('three'), first.token)).toBe('conflict')
  })
})

describe('leftovers', () => {
  test('temporary files of dead writers are removed after a day', async () => {
    await documents().create('a', bytesOf('a'))
    await writeFile(at('.tmp', 'left'), 'half')
    await documents(() => Date.now() + 23 * hourMs).create('b', bytesOf('b'))
    expect(await readdir(at('.tmp'))).toEqual(['left'])
    await documents(() => Date.now() + 25 * hourMs).create('c', bytesOf('c'))
    expect(await readdir(at('.tmp'))).toEqual([])
  })

  test('superseded states are removed after an hour, and the document stays writable', async () => {
    await documents().create(key, bytesOf('0'))
    for (const n of ['1', '2', '3']) await documents().swap(key, bytesOf(n), (await read()).token)
    expect((await readdir(at('.next', key))).length).toBe(3)
    const later = documents(() => Date.now() + 2 * hourMs)
    expect(await later.swap(key, bytesOf('4'), (await read()).token)).toBe('ok')
    expect(await readdir(at('.next', key))).toEqual([])
    expect((await read()).text).toBe('4')
  })

  test.each([
    ['in the last hour', 0],
    ['while the clock was years ahead', 10 * 365 * 24 * hourMs],
  ])('of the states superseded %s the last thousand stay', async (_, aheadMs) => {
    await documents().create(key, bytesOf('0'))
    const date = Date.now() + aheadMs
    await supersede(1_500, date)
    const swap = async (now: () => number) => documents(now).swap(key, bytesOf('1'), (await read()).token)
    expect(await swap(() => Date.now() + 30_000)).toBe('ok')
    expect((await readdir(at('.next', key))).length).toBe(1_501)
    expect(await swap(() => Date.now() + 120_000)).toBe('ok')
    const left = await readdir(at('.next', key))
    expect(left.length).toBe(1_000)
    expect(left).toContain(`${date + 1_499}-${'0'.repeat(64)}`)
    expect((await read()).text).toBe('1')
  })

  test('a process that swaps many times removes them meanwhile', async () => {
    const late = documents(() => Date.now() + 120_000)
    await late.create(key, bytesOf('0'))
    const swap = async () => late.swap(key, bytesOf('1'), (await late.get(key, 100))?.token ?? '')
    await swap()
    await supersede(1_500, Date.now())
    for (let i = 0; i <= 100; i++) await swap()
    expect((await readdir(at('.next', key))).length).toBe(1_000)
  })
})

/** As swaps leave them. */
async function supersede(states: number, date: number): Promise<void> {
  await mkdir(at('.next', key), { recursive: true })
  for (let i = 0; i < states; i++) {
    const path = at('.next', key, `${date + i}-${'0'.repeat(64)}`)
    await writeFile(path, '')
    await utimes(path, (date + i) / 1000, (date + i) / 1000)
  }
}

const put = async (name: string, text: string): Promise<'stored' | 'same'> => {
  const hasher = nodeHasher()
  await hasher.update(bytesOf(text))
  const { sha256 } = await hasher.digest()
  return await packages().put(name, new Blob([text]).stream(), { size: text.length, sha256 })
}

describe('anything but a regular file is an error that names it, not an absent document', () => {
  const get = (name: string) => documents().get(name, 100)
  const open = (name: string) => packages().open(name)
  const create = (name: string) => documents().create(name, bytesOf('x'))
  const rows: readonly [string, (name: string) => Promise<unknown>, string, RegExp][] = [
    ['a folder', get, 'apps', /apps: is a folder/],
    ['a folder as package', open, 'apps', /apps: is a folder/],
    ['a file as folder', get, 'notes/x', /notes\/x: there is a file where a folder should be.*ENOTDIR/],
    ['a file as folder of a new document', create, 'notes/x', /there is a file where a folder should be/],
    ['a link out of the store', get, 'link', /link: there is a symbolic link where a file should be.*ELOOP/],
    ['a link as package', open, 'link', /symbolic link/],
    ['a pipe', get, 'pipe', /pipe: is a folder or a device/],
  ]
  test.each(rows)('%s', async (_, call, name, message) => {
    await mkdir(at('apps'))
    await writeFile(at('notes'), 'x')
    await symlink('/etc/hostname', at('link'))
    execFileSync('mkfifo', [at('pipe')])
    await expect(call(name)).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringMatching(message),
    })
  })

  test('a root that does not exist', async () => {
    const store = folderDocuments(at('not', 'mounted'), { clock: systemClock })
    const message = expect.stringMatching(/not\/mounted: the folder of the store does not exist/)
    await expect(store.get('catalog.jws', 10)).rejects.toMatchObject({ code: 'store-unavailable', message })
    const uploads = folderUploads(at('not', 'mounted'), { clock: systemClock })
    const elsewhere = folderPackages(at('not', 'mounted'), { clock: systemClock, newHasher: nodeHasher })
    const writes = [
      () => store.create('catalog.jws', bytesOf('x')),
      () => elsewhere.put('packages/x', new Blob(['x']).stream(), { size: 1, sha256: '' }),
      () => uploads.begin(),
    ]
    for (const write of writes) await expect(write()).rejects.toMatchObject({ code: 'store-unavailable', message })
    expect(await readdir(root), 'what runs makes no folder of a store').toEqual([])
  })

  test('links and unusual names are not listed', async () => {
    await documents().create('notes/a', bytesOf('a'))
    await symlink('/etc/hostname', at('notes', 'link'))
    await symlink('/etc', at('notes', 'folder'))
    await writeFile(at('notes', '.hidden'), '')
    await writeFile(at('notes', 'my notes.txt'), '')
    const listed: string[] = []
    for await (const name of documents().list?.('') ?? []) listed.push(name)
    expect(listed).toEqual(['notes/a'])
  })
})

describe('permissions', () => {
  const script = join(import.meta.dirname, 'folder-child.ts')
  const run = (mode: string, size: string): string =>
    spawnSync(process.execPath, [script, root, mode, size, 'nobody'], { encoding: 'utf8' }).stdout

  test('an unreadable document is forbidden, not absent', async () => {
    await documents().create('notes/secret', bytesOf('secret'))
    await chmod(root, 0o755)
    await chmod(at('notes', 'secret'), 0)
    expect(run('read', '0')).toMatch(
      /^forbidden: .*\/notes\/secret: this user has no permission to read it \(EACCES\)\n$/,
    )
  })

  test('a folder without write permission is forbidden', async () => {
    await chmod(root, 0o555)
    expect(run('create', '10')).toMatch(/^forbidden: .*: this user has no permission to write it \(EACCES\)\n$/)
    await chmod(root, 0o755)
  })
})

describe('file size limits and full disks', () => {
  test('exceeding the process’s file size limit is a readable error and leaves nothing behind', async () => {
    const child = join(import.meta.dirname, 'folder-child.ts')
    const limited = 'ulimit -f 64; exec "$@"'
    const args = ['-c', limited, 'sh', process.execPath, child, root, 'create', '1000000']
    const { stdout } = spawnSync('sh', args, { encoding: 'utf8' })
    expect(stdout).toMatch(/^store-unavailable: .*: the limit for the size of a file is reached.*\(EFBIG\)\n$/)
    expect([await readdir(root), await readdir(at('.tmp'))]).toEqual([['.tmp'], []])
  })

  test('a full disk is a readable error and keeps existing files', async ({ skip }) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'platte-test', root], { stdio: 'pipe' })
    } catch {
      process.stdout.write('skipped: a full disk (this user may not mount a small tmpfs)\n')
      skip()
    }
    try {
      await documents().create(key, bytesOf('one'))
      const { token } = await read()
      const big = 'x'.repeat(400_000)
      const full = { code: 'store-unavailable', message: expect.stringMatching(/the disk is full.*ENOSPC/) }
      await expect(documents().create('notes/big', bytesOf(big))).rejects.toMatchObject(full)
      await expect(documents().swap(key, bytesOf(big), token)).rejects.toMatchObject(full)
      await expect(put('packages/big', big)).rejects.toMatchObject(full)
      await expect(packages().stage?.(new Blob([big]).stream())).rejects.toMatchObject(full)
      expect((await read()).text).toBe('one')
      expect(await readdir(at('.tmp'))).toEqual([])
      expect(await documents().swap(key, bytesOf('two'), token)).toBe('ok')
    } finally {
      execFileSync('umount', [root])
    }
  })
})

describe('packages', () => {
  test('a file of the wrong size is replaced', async () => {
    await put('packages/os.gz', 'whole')
    await writeFile(at('packages', 'os.gz'), 'who')
    expect(await put('packages/os.gz', 'whole')).toBe('stored')
    expect((await stat(at('packages', 'os.gz'))).size).toBe(5)
    expect(await readdir(at('.tmp'))).toEqual([])
  })

  test.skipIf(process.platform !== 'linux')('finished and cancelled reads close their files', async () => {
    await put('packages/os.gz', 'x'.repeat(1_000_000))
    const openFiles = async (): Promise<number> => {
      const numbers = await readdir('/proc/self/fd')
      const targets = await Promise.all(numbers.map((number) => readlink(`/proc/self/fd/${number}`).catch(() => '')))
      return targets.filter((target) => target.startsWith(at('packages'))).length
    }
    expect(await openFiles()).toBe(0)
    const ended = await packages().open('packages/os.gz')
    const cancelled = await packages().open('packages/os.gz')
    expect(await openFiles()).toBe(2)
    expect((await new Response(ended?.body).arrayBuffer()).byteLength).toBe(1_000_000)
    const reader = cancelled?.body.getReader()
    await reader?.read()
    await reader?.cancel()
    await expect(packages().open('packages/os.gz', { start: 5, end: 1_000_000 })).rejects.toThrow()
    expect(await openFiles()).toBe(0)
  })

  test('a file truncated during a read is an error, not an early end', async () => {
    await put('packages/os.gz', 'x'.repeat(1_000_000))
    const found = await packages().open('packages/os.gz')
    const reader = found?.body.getReader()
    await reader?.read()
    await writeFile(at('packages', 'os.gz'), 'short')
    await expect(reader?.read()).rejects.toMatchObject({ code: 'store-unavailable' })
  })
})
