/** The function under the real runtime client of Lambda, as a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import type { StrictS3 } from '../s3/server.ts'
import { clientFolder } from './reporter.ts'
import { type RuntimeApi, startRuntimeApi } from './runtime-api.ts'

export interface Started {
  readonly invoke: RuntimeApi['invoke']
  readonly stop: () => Promise<void>
  /** Everything that it wrote. */
  readonly output: () => string
}

/** Starts a function that was built as Lambda does, with the variables that Lambda sets. */
export async function startClient(file: string, s3: StrictS3, env: Readonly<Record<string, string>>): Promise<Started> {
  const api = await startRuntimeApi()
  const child = spawn(process.execPath, [join(clientFolder ?? '', 'index.mjs'), 'index.handler'], {
    cwd: dirname(file),
    env: {
      PATH: process.env.PATH,
      ...s3.env,
      ...env,
      AWS_REGION: s3.region,
      AWS_LAMBDA_RUNTIME_API: api.ref,
      AWS_LAMBDA_FUNCTION_NAME: 'platte',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/platte',
      AWS_LAMBDA_LOG_STREAM_NAME: '2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      LAMBDA_TASK_ROOT: dirname(file),
      _HANDLER: 'index.handler',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
  const ended = once(child, 'exit')
  return {
    invoke: (event: unknown) => Promise.race([api.invoke(event), ended.then(() => Promise.reject(new Error(output)))]),
    output: () => output,
    stop: async () => {
      child.kill('SIGKILL')
      await ended
      await api.close()
    },
  }
}
