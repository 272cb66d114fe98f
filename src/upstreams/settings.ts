/** Settings of adopting while serving; apart from the feature, which Workers cannot bundle. */
import { plainText, setting } from '../kernel/setting.ts'

const adoptDoc =
  'a TOML file of upstreams whose releases `serve` adopts into channels of this store (not on Workers and Lambda)'

export const upstreamSettings = {
  adoptFile: setting('PLATTE_ADOPT <file>', adoptDoc, plainText, { needs: 'upstreams', signs: true }),
}
