/**
 * A policy of Chromium and its relatives that installs an extension and updates it from here. Pure.
 * @see ExtensionSettings among Chromium's enterprise policies
 */

export interface ExtensionPolicy {
  /** The endpoint, without a "/" at its end. */
  readonly url: string
  /** 32 letters from `a` to `p`. */
  readonly app: string
  /** `undefined`: that of clients that name none. */
  readonly channel: string | undefined
}

export const isExtension = (app: string): boolean => /^[a-p]{32}$/.test(app)

/** Where managed policies are on Linux. */
export const extensionPolicyPath = '/etc/chromium/policies/managed/extensions.json'

/** Later checks go to `update_url` in the extension's own manifest unless they are overridden. */
export function renderExtensionPolicy({ url, app, channel }: ExtensionPolicy): string {
  const query = channel === undefined ? '' : `?channel=${encodeURIComponent(channel)}`
  const settings = {
    ...{ installation_mode: 'force_installed', update_url: `${url}/service/update2/crx${query}` },
    override_update_url: true,
  }
  return `${JSON.stringify({ ExtensionSettings: { [app]: settings } }, null, 2)}\n`
}
