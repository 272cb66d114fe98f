/** Sends a file as a pipeline does: what it is, the parts that are asked for, and that this was all. */
import { createReadStream } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { OpenedUpload } from '../../src/publish-api/uploads.ts'
import { fileSource } from '../../src/runtime/files.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { startChild } from './child.ts'
import type { Published } from './package-publish.ts'
import type { Served, Serves } from './package-serve.ts'
import { app } from './world.ts'

/** Into a new store. @returns how long it took with all hashing, and the most that the server held. */
export async function uploadIn(store: string, file: string): Promise<Published> {
  const child = startChild('package-uploads.ts', [store])
  try {
    const { url } = await child.next<Serves>()
    const began = performance.now()
    await upload(url, file)
    const tookMs = performance.now() - began
    child.send('report')
    return { tookMs, ...(await child.next<Served>()) }
  } finally {
    await child.stop()
  }
}

/** @param token of a pipeline, where the server wants one. */
export async function upload(url: string, file: string, token = 'none'): Promise<void> {
  const { name, size, open } = await fileSource(file)
  const hasher = nodeHasher()
  for await (const chunk of open()) await hasher.update(chunk)
  const announced = [{ name, size, ...(await hasher.digest()) }]
  const order = { app, channel: 'stable', version: '4593.2.0', board: 'amd64-usr', packages: announced }
  const request = { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(order) }
  const answer = await answered(await fetch(`${url}/v1/uploads`, request))
  const [one]: readonly OpenedUpload[] = JSON.parse(answer).packages
  if (one?.kind !== 'missing') throw new Error('it should be missing')
  for (const { number, size: length, url: path } of one.parts) {
    const start = (number - 1) * one.partSize
    await sendPart(`${url}${path}`, file, { start, end: start + length - 1 })
  }
  await answered(await fetch(`${url}/v1/uploads/${one.id}/complete`, { method: 'POST' }))
}

async function answered(response: Response): Promise<string> {
  if (!response.ok) throw new Error(await response.text())
  return await response.text()
}

async function sendPart(url: string, file: string, range: { readonly start: number; readonly end: number }) {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const headers = { 'Content-Length': range.end - range.start + 1 }
  const sending = request(url, { method: 'PUT', headers }, resolve).on('error', reject)
  await pipeline(createReadStream(file, range), sending)
  const response = await promise
  if (response.statusCode !== 200) throw new Error(await text(response))
  response.resume()
}
