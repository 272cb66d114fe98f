/** Charts as SVG: no scripts and no style attributes, colours by class. Pure. */
import { type Html, none, part } from '../site/pages/fragments.ts'

const [width, height] = [640, 180]

/** Series that have a colour of their own. */
export const colours = 8

export interface Series {
  /** Of the stylesheet. */
  readonly className: string
  /** One for each place on the x axis. */
  readonly values: readonly number[]
}

interface Frame {
  /** What the chart shows, for those who do not see it. */
  readonly label: string
  /** Below the left and the right end. */
  readonly ends: readonly [string, string]
  /** At the top of the y axis. */
  readonly top: string
  /** Where now is, 0 to 1. */
  readonly now?: number
}

const place = (i: number, count: number, value: number, most: number): string =>
  `${count < 2 ? 0 : Math.round((i * width) / (count - 1))} ${Math.round(height - (value * height) / Math.max(most, 1e-9))}`

function framed({ label, ends: [start, end], top, now }: Frame, content: readonly Html[]): Html {
  const x = now === undefined ? undefined : Math.round(now * width)
  return part`<div class="chart"><p class="top" aria-hidden="true">${top}</p>
<svg role="img" aria-label="${label}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none">
<path class="grid" d="M0 0H${width}M0 ${height / 2}H${width}M0 ${height}H${width}"/>
${content}${x === undefined ? none : part`<path class="now" d="M${x} 0V${height}"/>`}</svg>
<p class="ends" aria-hidden="true"><span>${start}</span><span>${end}</span></p></div>\n`
}

/** The first series is at the bottom. */
export function stackedArea(series: readonly Series[], most: number, frame: Frame): Html {
  const count = series[0]?.values.length ?? 0
  let below: readonly number[] = Array.from({ length: count }, () => 0)
  const areas = series.map(({ className, values }) => {
    const base = below
    below = base.map((value, i) => value + (values[i] ?? 0))
    const upper = below.map((value, i) => place(i, count, value, most))
    const lower = base.map((value, i) => place(i, count, value, most)).reverse()
    return part`<path class="${className}" d="M${[...upper, ...lower].join('L')}Z"/>\n`
  })
  return framed(frame, areas)
}

/** Shares of 0 to 1. @param count of places on the x axis; a series may end before. */
export const shareLines = (series: readonly Series[], count: number, frame: Frame): Html =>
  framed(
    frame,
    series.map(
      ({ className, values }) =>
        part`<path class="line ${className}" d="M${values.map((value, i) => place(i, count, Math.min(1, value), 1)).join('L')}"/>\n`,
    ),
  )

/** Parts of a whole beside each other. */
export function bar(parts: readonly { readonly className: string; readonly count: number }[], label: string): Html {
  const total = parts.reduce((sum, { count }) => sum + count, 0)
  let x = 0
  const rects = parts
    .filter(({ count }) => count > 0)
    .map(({ className, count }) => {
      const from = x
      x += (count * 1000) / Math.max(1, total)
      return part`<rect class="${className}" x="${Math.round(from)}" width="${Math.max(2, Math.round(x) - Math.round(from))}" height="10"/>`
    })
  return part`<svg class="bar" role="img" aria-label="${label}" viewBox="0 0 1000 10" preserveAspectRatio="none">${rects}</svg>\n`
}
