/** The key services that `.ci/key-services run` started. */
export const kms = process.env.PLATTE_KMS_SERVER
export const vault = process.env.PLATTE_VAULT_SERVER
const vaultToken = process.env.PLATTE_VAULT_TOKEN ?? ''

/** What the AWS SDK and our Vault client find them by. */
export const serviceEnv = {
  AWS_ENDPOINT_URL_KMS: kms ?? '',
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  VAULT_ADDR: vault ?? '',
  VAULT_TOKEN: vaultToken,
}

/** Asks Vault as its operator. */
export async function askVault(method: 'GET' | 'POST', path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${vault}/v1/${path}`, {
    method,
    headers: { 'x-vault-token': vaultToken },
    ...(body && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return Object((await response.json().catch(() => ({}))) as unknown)
}
