/** One-line edits of the sources, each with the test that must notice it. */

export interface Mutation {
  readonly name: string
  readonly file: string
  /** Stands in the file exactly once. */
  readonly from: string
  readonly to: string
  /** The test file that is run. */
  readonly test: string
  /** Part of the full name of a test that must fail. */
  readonly fails: string
}

const row = (
  name: string,
  [file, from, to]: readonly [string, string, string],
  [test, fails]: readonly [string, string],
): Mutation => ({ name, file, from, to, test, fails })

export const mutations: readonly Mutation[] = [
  row(
    'a threshold counts signatures, not keys',
    ['src/trust/envelope.ts', 'good.add(kid)', 'good.add(`${kid} ${good.size}`)'],
    ['test/trust/thresholds.test.ts', 'is not met by'],
  ),
  row(
    'a threshold is one too low',
    ['src/trust/envelope.ts', 'if (good.size >= role.threshold)', 'if (good.size >= role.threshold - 1)'],
    ['test/trust/thresholds.test.ts', 'is not met by'],
  ),
  row(
    'a signature of another type counts',
    ['src/trust/envelope.ts', 'if (header.typ !== type) return', 'if (header.typ === "") return'],
    ['test/trust/attacks.test.ts', ''],
  ),
  row(
    'a key of one algorithm is tried with another',
    ['src/trust/envelope.ts', 'if (header.alg !== key.alg) return', 'if (header.alg !== header.alg) return'],
    ['test/trust/attacks.test.ts', ''],
  ),
  row(
    'other spellings of an envelope are taken',
    [
      'src/trust/envelope-format.ts',
      'if (renderEnvelope(text, signatures) !== json)',
      'if (renderEnvelope(text, signatures) === "")',
    ],
    ['test/trust/attacks.test.ts', ''],
  ),
  row(
    'the next root needs no signature of its own keys',
    [
      'src/trust/verify-root.ts',
      "await openEnvelope(bytes, type, roleOf(next, 'root'))",
      "await openEnvelope(bytes, type, roleOf(current, 'root'))",
    ],
    ['test/trust/root.test.ts', 'the next root'],
  ),
  row(
    'a root may skip a version',
    ['src/trust/verify-root.ts', 'if (root.version !== version + 1)', 'if (root.version <= version)'],
    ['test/trust/root.test.ts', 'the next root'],
  ),
  row(
    'an expired document is taken',
    ['src/trust/times.ts', 'now >= Date.parse(expires)', 'now > Date.parse(expires) + 1e12'],
    ['test/trust/channel.test.ts', 'that expired'],
  ),
  row(
    'an expired catalog is taken',
    ['src/trust/verify-catalog.ts', 'now >= Date.parse(catalog.expires)', 'now > Date.parse(catalog.expires) + 1e12'],
    ['test/trust/catalog.test.ts', 'that expired'],
  ),
  row(
    'a document from the future is taken',
    ['src/trust/times.ts', 'now + maxAheadMs', 'now + 1e15'],
    ['test/trust/catalog.test.ts', 'further ahead'],
  ),
  row(
    'a catalog may be valid for ever',
    ['src/trust/verify-catalog.ts', 'if (validityMs > durationMs(maxValidity))', 'if (validityMs > Number.MAX_VALUE)'],
    ['test/trust/catalog.test.ts', 'valid for longer'],
  ),
  row(
    'an older catalog replaces a newer one',
    ['src/trust/verify-catalog.ts', 'if (found.issuedAtMs < seen.issuedAtMs)', 'if (found.issuedAtMs < 0)'],
    ['test/trust/catalog.test.ts', 'an older one'],
  ),
  row(
    'a fork is taken',
    ['src/trust/verify-catalog.ts', 'found.sha256 !== seen.sha256', 'found.sha256 === ""'],
    ['test/trust/catalog.test.ts', 'another one of the same instant'],
  ),
  row(
    'a channel may go back',
    ['src/trust/verify-catalog.ts', 'seq < mark.seq', 'seq < 0'],
    ['test/trust/catalog.test.ts', 'a newer one with a lower seq'],
  ),
  row(
    'a manifest need not have the digest of the catalog',
    ['src/trust/verify-channel.ts', 'if (sha256 !== entry.sha256)', "if (sha256 === '')"],
    ['test/trust/channel.test.ts', 'of another digest'],
  ),
  row(
    "another channel's manifest is taken",
    [
      'src/trust/verify-channel.ts',
      "for (const field of ['app', 'channel', 'seq'] as const)",
      "for (const field of ['app', 'seq'] as const)",
    ],
    ['test/trust/channel.test.ts', 'of another channel'],
  ),
  row(
    'history may be forked',
    [
      'src/trust/verify-channel.ts',
      'previous !== undefined && manifest.previous !== previous',
      'previous === manifest.app',
    ],
    ['test/trust/channel.test.ts', 'that follows another'],
  ),
  row(
    'nesting has no bound',
    ['src/checks/omaha/xml-scanner.ts', 'if (depth === maxDepth)', 'if (depth === -1)'],
    ['test/protocol/omaha-xml-parse.test.ts', 'more elements within each other'],
  ),
  row(
    'an attribute may stand twice',
    ['src/checks/omaha/xml-scanner.ts', 'if (attributes.size === before)', 'if (attributes.size < before)'],
    ['test/protocol/omaha-xml-parse.test.ts', 'an attribute twice'],
  ),
  row(
    'unescaped quotes are not repaired',
    ['src/checks/omaha/xml.ts', 'escapeInnerQuotes(body) : body', 'body : body'],
    ['test/protocol/omaha-xml-parse.test.ts', 'Flatcar#1209'],
  ),
  row(
    'the action has the digest in hex',
    ['src/checks/omaha/xml.ts', 'sha256="${base64(packages[0].sha256)}"', 'sha256="${packages[0].sha256}"'],
    ['test/protocol/omaha-xml-render.test.ts', 'an update with an OEM package'],
  ),
  row(
    'responses have a default namespace',
    [
      'src/checks/omaha/xml.ts',
      '<response protocol="3.0" server="platte">',
      '<response xmlns="urn:omaha" protocol="3.0" server="platte">',
    ],
    ['test/protocol/omaha-xml-render.test.ts', 'no update'],
  ),
  row(
    'flag bits stay in error codes',
    ['src/checks/omaha/error-codes.ts', 'const baseBits = 0x0fffffff', 'const baseBits = 0x7fffffff'],
    ['test/protocol/omaha-error-codes.test.ts', 'an own server'],
  ),
  row(
    'a create overwrites',
    [
      'src/store/memory/memory.ts',
      'if (there !== undefined) return equalBytes',
      'if (there === null) return equalBytes',
    ],
    ['test/adapters/memory.test.ts', 'of 8 racing creates'],
  ),
  row(
    'a core file looks at the clock',
    [
      'src/release/explanation.ts',
      'export function explainDecision',
      'export const born = Date.now()\nexport function explainDecision',
    ],
    ['test/house/floors.test.ts', 'only adapters name Date.now'],
  ),
  row(
    'the core imports from a room above it',
    ['src/release/package-set.ts', 'import { sha256 } from', "import '../service/health.ts'\nimport { sha256 } from"],
    ['test/house/floors.test.ts', 'no room imports from a room above it'],
  ),
  row(
    'a held release is offered',
    ['src/release/conditions.ts', "return hold && { reason: 'held'", "return hold?.at === '' && { reason: 'held'"],
    ['test/core/decide.test.ts', 'never held'],
  ),
  row(
    'a lower version is offered',
    ['src/release/decide.ts', 'if (order < 0 && !mayGoDown) break', 'if (order < -1 && !mayGoDown) break'],
    ['test/core/decide.test.ts', 'never lower'],
  ),
  row(
    'a floor is let in by the draw for what is beyond it',
    ['src/release/decide.ts', 'if (one.drawn?.candidate !== candidate) one', 'if (one.drawn === undefined) one'],
    ['test/core/conditions.test.ts', 'of a floor are spread'],
  ),
  row(
    'a floor is jumped',
    ['src/release/decide.ts', 'return inWindow(one, floor ?? chosen)', 'return inWindow(one, chosen)'],
    ['test/core/decide.test.ts', 'never over a floor'],
  ),
  row(
    'a dead end is left',
    ['src/release/decide.ts', 'if (end) return noUpdate', 'if (end === null) return noUpdate'],
    ['test/core/decide.test.ts', 'never from a dead end'],
  ),
  row(
    'a release with a ramp is offered to everybody',
    ['src/release/decide.ts', '(isNewest ? isAdmitted(one, candidate) :', '(isNewest ? true :'],
    ['test/core/decide.test.ts', 'conditional'],
  ),
  row(
    'a stopped clock stops no ramp',
    ['src/release/ramp.ts', 'asOf === undefined || asOf >= now ?', 'asOf === undefined || asOf > 0 ?'],
    ['test/core/conditions.test.ts', 'ramps a stopped clock stops them'],
  ),
  row(
    'a stopped clock holds up a share that falls',
    ['src/release/ramp.ts', 'Math.min(share, interpolate(points, asOf))', 'interpolate(points, asOf)'],
    ['test/core/conditions.test.ts', 'with its clock stopped goes on falling'],
  ),
  row(
    'a share above one admits everybody',
    ['src/release/ramp.ts', '!(share >= 0 && share <= 1)', '!(share >= 0)'],
    ['test/core/conditions.test.ts', 'the share of a ramp above one'],
  ),
  row(
    'a machine without an id comes first',
    ['src/release/bucketing.ts', 'const last: Draw = { ramp: 1,', 'const last: Draw = { ramp: 0,'],
    ['test/core/conditions.test.ts', 'nor those without an id'],
  ),
  row(
    'two ramps admit the same machines',
    ['src/release/bucketing.ts', '${channel}\\0${version}', '${channel}\\0'],
    ['test/core/conditions-properties.test.ts', 'two ramps of one per cent'],
  ),
  row(
    'an older release is offered while its ramp runs',
    ['src/release/decide.ts', ': isComplete(candidate, now))) return', ': isAdmitted(one, candidate))) return'],
    ['test/core/conditions.test.ts', 'leave no older one that is not for everybody'],
  ),
  row(
    'windows open for all machines at once',
    ['src/release/window.ts', 'from + draw * Math.min', 'from + 0 * Math.min'],
    ['test/core/conditions.test.ts', 'open for each machine a while after they open'],
  ),
  row(
    'windows do not move with summer time',
    [
      'src/release/window.ts',
      'Number(value)\n  const',
      'Number(value)\n  part.hour = new Date(at).getUTCHours()\n  const',
    ],
    ['test/core/conditions.test.ts', 'in summer time'],
  ),
  row(
    'a window may open on another day',
    ['src/release/window.ts', 'weekdays[(((day + 3)', 'weekdays[(((day + 4)'],
    ['test/core/conditions-properties.test.ts', 'whenever the clocks of its zone'],
  ),
  row(
    'the end of what a schedule knows is an edge',
    [
      'src/release/window.ts',
      'edge > now && isOpen(schedule, draw, edge) !==',
      'edge > now && isOpen(schedule, draw, edge) !== null ||',
    ],
    ['test/core/conditions.test.ts', 'that leave no time between them have no edge'],
  ),
  row(
    'the list of those who are left out counts for nothing',
    ['src/release/target.ts', 'return listed && deny?.has(listed) ?', "return listed && deny?.has('') ?"],
    ['test/core/conditions.test.ts', 'targets a machine that is left out'],
  ),
  row(
    'the target of a channel is lifted by that of a release',
    [
      'src/release/conditions.ts',
      'targets: [own.target, targetOf(release)]',
      'targets: [targetOf(release) ?? own.target]',
    ],
    ['test/core/conditions.test.ts', "targets the channel's too"],
  ),
  row(
    'long lists are read for every release',
    [
      'src/release/conditions.ts',
      'targets: [own.target,',
      'targets: [own.content.target && readTarget(own.content.target),',
    ],
    ['test/core/conditions.test.ts', 'is read once'],
  ),
  row(
    'a follower does not wait',
    ['src/release/decide.ts', 'now < candidate.seenFrom', 'now < 0'],
    ['test/core/conditions.test.ts', 'followers see what is old enough'],
  ),
  row(
    'a follower is ahead of the ramp of its source',
    ['src/release/conditions.ts', '[...behind, ...rampsOf(release, [source.asOf, own.asOf])]', 'behind'],
    ['test/core/conditions-properties.test.ts', 'a follower never exposes more'],
  ),
  row(
    'a follower cannot stop a ramp of its source',
    ['src/release/conditions.ts', '[source.asOf, own.asOf]', '[source.asOf]'],
    ['test/core/conditions.test.ts', 'can stop a ramp of the source'],
  ),
  row(
    'a follower offers what its source holds',
    ['src/release/conditions.ts', 'refusal: withdrawnOrHeld(release, source, bytes) ??', 'refusal: undefined ??'],
    ['test/core/conditions-properties.test.ts', 'a follower never exposes more'],
  ),
  row(
    'a follower is led into a dead end',
    [
      'src/release/conditions.ts',
      'withdrawnOrHeld(release, own, bytes) ?? end',
      'withdrawnOrHeld(release, own, bytes)',
    ],
    ['test/core/conditions.test.ts', 'are not led into a dead end'],
  ),
  row(
    "a follower's own copy is free of what its source says",
    ['src/release/view.ts', 'brakedAs(one, twinIn(theirs, one))', 'brakedAs(one, undefined)'],
    ['test/core/conditions-properties.test.ts', 'only what was signed'],
  ),
  row(
    'nobody may go down',
    ['src/release/decide.ts', 'view.rollbackFrom.some(', 'view.rollbackFrom.slice(9).some('],
    ['test/core/decide.test.ts', 'a lower one, to those that rollbackFrom names'],
  ),
  row(
    'a check by hand waits for the ramp',
    ['src/release/decide.ts', 'if (check.isManual || (isNewest', 'if ((isNewest'],
    ['test/core/conditions.test.ts', 'ramps are skipped by hand'],
  ),
  row(
    'a check by hand waits for the window',
    ['src/release/decide.ts', 'schedule === undefined || one.check.isManual ||', 'schedule === undefined ||'],
    ['test/core/conditions.test.ts', 'windows are skipped by hand'],
  ),
  row(
    'a change is foretold from the points of ramps alone',
    ['src/release/ramp.ts', '[...later.slice(1), ...crossings]', 'later.slice(1)'],
    ['test/http/explain.test.ts', 'what is foretold happens at that instant'],
  ),
  row(
    'a change is foretold a second late',
    ['src/release/ramp.ts', 'return [high]', 'return [high + 1000]'],
    ['test/http/explain.test.ts', 'what is foretold happens at that instant'],
  ),
  row(
    'everybody is told who is on a list',
    ['src/checks/explain.ts', 'isPublic ? { ...query, onNoList: true } : query', 'query'],
    ['test/http/explain.test.ts', 'everybody is told the same of a machine'],
  ),
  row(
    'everybody is told what went wrong in here',
    ['src/checks/explain.ts', '(isPublic ? forEverybody(decision) : decision)', 'decision'],
    ['test/http/explain.test.ts', 'everybody is told the reason of a failure'],
  ),
  row(
    'an explanation needs no token',
    [
      'src/checks/http-explain.ts',
      'timingSafeEqual(tokenOf(c), access.token)',
      'timingSafeEqual(access.token, access.token)',
    ],
    ['test/http/explain.test.ts', 'is told nothing'],
  ),
  row(
    'words of an operator break the answer to a machine',
    ['src/checks/omaha/xml.ts', 'escapeAttribute(updateCheck.reason)', 'updateCheck.reason'],
    ['test/protocol/omaha-xml-render.test.ts', 'why there is no update'],
  ),
  row(
    'machines are told what went wrong in here',
    ['src/release/explanation.ts', 'because !== undefined && toldToAll.includes(reason) ?', 'because !== undefined ?'],
    ['test/http/reasons.test.ts', 'not-mirrored'],
  ),
  row(
    'what clients make up has a label',
    ['src/fleet/metrics.ts', 'measured.isKnown(app, channel) ? { app, channel } : elsewhere', '{ app, channel }'],
    ['test/adapters/metrics.test.ts', 'whatever clients make up'],
  ),
  row(
    'series of events have no bound',
    ['src/fleet/metrics.ts', 'if (seen.size < most)', 'if (most > 0)'],
    ['test/adapters/metrics.test.ts', 'more than a scrape can carry'],
  ),
  row(
    'a store that hangs fills the memory with events',
    ['src/fleet/events-store.ts', 'if (held > holdAtMost) return lose(1)', ''],
    ['test/adapters/events-store.test.ts', 'a store that hangs'],
  ),
  row(
    'a sink that throws fails a check',
    [
      'src/checks/http-updates.ts',
      "reading.log({ level: 'error', event: 'events', problem: `a defect: ${error}` })",
      'reading.clock()\n    throw error',
    ],
    ['test/http/updates.test.ts', 'a sink that throws costs a check its event'],
  ),
  row(
    'a share in words is read as a number',
    ['src/documents/channel.ts', "typeof value === 'number' ? value : Number.NaN", 'Number(value)'],
    ['test/service/channels.test.ts', 'a share of "1" is none'],
  ),
  row(
    'a ramp that admits nobody is signed',
    ['src/documents/channel.ts', 'release.ramp && signedRampProblem(release.ramp)', 'undefined'],
    ['test/service/channels.test.ts', 'a share above one'],
  ),
  row(
    'a ramp without steps is signed',
    ['src/documents/channel.ts', 'ramp.length === 0 ?', 'ramp.length < 0 ?'],
    ['test/service/channels.test.ts', 'a ramp without steps'],
  ),
  row(
    'an index is longer than Analytics Engine takes',
    ['src/fleet/events-analytics.ts', 'const maxIndexLength = 32', 'const maxIndexLength = 96'],
    ['test/adapters/events-analytics.test.ts', 'keeps within the limits'],
  ),
  row(
    'a quiet minute ends the writing of events',
    ['src/fleet/events-store.ts', 'if (waiting.length > 0) writing ??=', 'writing ??='],
    ['test/adapters/events-store.test.ts', 'after many events and a quiet minute'],
  ),
  row(
    'files of events have no bound',
    ['src/fleet/events-store.ts', 'newest !== undefined && newest.size < batchAt', 'newest !== undefined'],
    ['test/adapters/events-store.test.ts', 'files have a bound'],
  ),
  row(
    'a channel that was deleted comes back',
    ['src/catalog/channels.ts', 'if (isEnded(manifest)) return', 'if (isEnded(manifest) && manifest.seq === 0) return'],
    ['test/service/channels.test.ts', 'stays deleted until'],
  ),
  row(
    'a publish brings a deleted channel back unasked',
    [
      'src/channels/publish.ts',
      'if (!isLive(head?.manifest) && !order.create) throw',
      'if (!head && !order.create) throw',
    ],
    ['test/service/channels.test.ts', 'stays deleted until'],
  ),
  row(
    'a channel may be renamed to itself',
    ['src/channels/rename-channel.ts', 'if (name === channel) throw', 'if (name === "") throw'],
    ['test/service/channels.test.ts', 'is not renamed to itself'],
  ),
  row(
    'a publish takes the machines of an old name away',
    ['src/channels/publish.ts', 'if (!isLive(head?.manifest)) refuseOtherName(state, order)', ''],
    ['test/service/channels.test.ts', 'takes the machines of an old name away'],
  ),
  row(
    'a rename that was broken off undoes an edit',
    ['src/channels/rename-channel.ts', 'if (isMade && old && !sameJson(', 'if (isMade && !old && !sameJson('],
    ['test/service/channels.test.ts', 'loses no edit of alpha'],
  ),
  row(
    'a rename that was broken off lifts a hold',
    ['src/channels/rename-channel.ts', 'holds: [...holds, ...others]', 'holds: others'],
    ['test/service/channels.test.ts', 'keeps the brakes of both names'],
  ),
  row(
    'a follower cannot hold a board of its source',
    ['src/channels/hold.ts', '{ ...findRelease(source, one.version)?.boards, ...one.boards }', 'one.boards'],
    ['test/service/channels.test.ts', 'a follower holds a board'],
  ),
  row(
    'every window makes a calendar of its own',
    ['src/release/window.ts', 'formatters.set(timeZone, made)', ''],
    ['test/core/conditions.test.ts', 'the calendar of a zone is made once'],
  ),
  row(
    'holds are left behind when a channel is renamed',
    ['src/channels/rename-channel.ts', 'const others = (old?.holds ?? [])', 'const others = (made.holds ?? [])'],
    ['test/service/channels.test.ts', 'keeps its brakes'],
  ),
  row(
    'a follower may be followed',
    ['src/channels/edit-channel.ts', 'if (follow === undefined) return', 'if (follow !== null) return'],
    ['test/service/channels.test.ts', 'has one level'],
  ),
  row(
    'a hold on what is not there is taken',
    [
      'src/channels/hold.ts',
      'const release = requireRelease(channel, held.version)',
      'const release = findRelease(channel, held.version) ?? { version: held.version, boards: {} }',
    ],
    ['test/service/channels.test.ts', 'of an unknown version are refused'],
  ),
  row(
    'a hold of another board keeps a promotion',
    ['src/release/edits.ts', 'hold.board === undefined || boards.includes(hold.board)', 'boards.length > 0'],
    ['test/service/channels.test.ts', 'is not kept by a hold of another'],
  ),
  row(
    'a promotion names other bytes',
    [
      'src/channels/promote.ts',
      'board, packages, publishedAt: at }',
      'board, packages: { ...packages, codebases: ["https://example.org/"] }, publishedAt: at }',
    ],
    ['test/service/channels.test.ts', 'moves the same bytes'],
  ),
  row(
    'a promotion into a channel that lacks a board is taken',
    ['src/channels/promote.ts', 'if (left.length > 0)', 'if (left.length < 0)'],
    ['test/service/channels.test.ts', 'which it lacks'],
  ),
  row(
    'floors are pruned',
    [
      'src/release/retention.ts',
      'filter(({ floor, deadEnd }) => floor || deadEnd)',
      'filter(({ deadEnd }) => deadEnd)',
    ],
    ['test/service/channels.test.ts', 'is neither a floor'],
  ),
  row(
    'what a follower waits for is pruned',
    ['src/channels/prune.ts', '...followers.map((manifest) =>', '...followers.slice(9).map((manifest) =>'],
    ['test/service/channels.test.ts', 'is neither a floor'],
  ),
  row(
    'what was published meanwhile is pruned',
    ['src/channels/prune.ts', 'options.dryRun ? after : undefined', 'after'],
    ['test/service/channels.test.ts', 'what is published while a channel is pruned'],
  ),
  row(
    'a ramp may fall unasked',
    ['src/release/edits.ts', 'if (!mayLower && (after', 'if (mayLower && (after'],
    ['test/service/channels.test.ts', 'falls only where'],
  ),
  row(
    'a floor may be withdrawn',
    ['src/release/edits.ts', 'if (marked.floor && (marked.withdrawn', 'if (marked.floor && (marked.version === ""'],
    ['test/service/channels.test.ts', 'two that contradict each other'],
  ),
  row(
    'a report tells apart whatever is made up',
    ['src/fleet/model.ts', 'tallies.size >= maxChannels', 'tallies.size >= 1e9'],
    ['test/service/report.test.ts', 'whatever is made up'],
  ),
  row(
    'a version may come back with other bytes',
    [
      'src/release/add-release.ts',
      'if (known === undefined || samePackages(known, addition.packages)) return',
      'return',
    ],
    ['test/core/edit.test.ts', 'is refused'],
  ),
  row(
    'a set is named by sizes too late sorted',
    ['src/release/package-set.ts', '.sort()', '.reverse()'],
    ['test/core/set.test.ts', 'the order in which packages are named does not matter'],
  ),
  row(
    'versions are compared as text',
    ['src/release/version.ts', 'return a.length - b.length || (a < b', 'return (a < b'],
    ['test/core/version.test.ts', '4152.10.0 against 4152.9.0'],
  ),
  row(
    'every check asks the store',
    ['src/catalog/cache.ts', 'now >= at && now - at < ttlMs', 'now >= at && now - at < 0'],
    ['test/service/catalog-cache.test.ts', 'younger than the TTL'],
  ),
  row(
    'an expired catalog goes on offering',
    ['src/catalog/cache.ts', 'if (now >= catalog.expiresMs)', 'if (now >= catalog.expiresMs * 2)'],
    ['test/service/catalog-attacks.test.ts', 'a catalog, also one that is remembered'],
  ),
  row(
    'an alias of the catalog alone counts',
    ['src/catalog/cache.ts', 'loaded.manifest.aliases?.includes(channel)', 'loaded.entry.aliases?.includes(channel)'],
    ['test/service/catalog-attacks.test.ts', 'an alias that only the catalog names is none'],
  ),
  row(
    'a new root trusts what the old one verified',
    ['src/catalog/cache.ts', 'before?.root === state.root ?', 'before !== state ?'],
    ['test/service/catalog-attacks.test.ts', 'under a new root every manifest is verified again'],
  ),
  row(
    'a lost race is not tried again',
    ['src/catalog/write.ts', 'const maxAttempts = 200', 'const maxAttempts = 1'],
    ['test/service/races.test.ts', '40 publishers at once'],
  ),
  row(
    'a catalog of the same instant follows',
    ['src/catalog/edit-catalog.ts', 'Math.max(now, (seen?.issuedAtMs ?? 0) + 1)', 'now'],
    ['test/service/races.test.ts', 'still moves the mark forward'],
  ),
  row(
    'the history is not chained',
    [
      'src/catalog/commit-channel.ts',
      '...(head && { previous: head.sha256 })',
      '...(head && { previous: head.sha256.replace(/./g, "0") })',
    ],
    ['test/service/races.test.ts', '40 publishers at once'],
  ),
  row(
    'a hold is lost when the catalog rolls forward',
    [
      'src/catalog/edit-catalog.ts',
      'const { aliases: _, ...kept } = entry ?? {}',
      'const { aliases: _, holds: __, ...kept } = entry ?? {}',
    ],
    ['test/service/races.test.ts', 'keeps holds, names and rampAsOf'],
  ),
  row(
    'a package that nothing names is served',
    [
      'src/checks/packages.ts',
      'const found = packagesIn(channel)?.get(key)',
      'const found = packagesIn(channel)?.values().next().value',
    ],
    ['test/service/publish.test.ts', 'and nothing else'],
  ),
  row(
    'a range is off by one',
    ['src/checks/http-packages.ts', 'size - Number(to)), end: size - 1', 'size - Number(to)), end: size - 2'],
    ['test/scenes/scenes.test.ts', 'in this process packages'],
  ),
  row(
    'a Range is ignored',
    ['src/checks/http-packages.ts', "parseRange(c.req.header('range'), one.size)", 'parseRange(undefined, one.size)'],
    ['test/scenes/scenes.test.ts', 'in this process machine-update'],
  ),
  row(
    'a redirect leads to another key',
    ['src/checks/http-packages.ts', '`${serving.packagesUrl}/${urlPathOf(key)}`', '`${serving.packagesUrl}/${key}`'],
    ['test/scenes/scenes.test.ts', 'in this process elsewhere/packages'],
  ),
  row(
    'what only writers keep is served',
    ['src/documents/paths.ts', '=> form.test(key)', '=> form.test(key) || /json$/.test(key)'],
    ['test/http/documents.test.ts', 'is in the store, and is not served'],
  ),
  row(
    'a catalog is kept by caches as if it never changed',
    ['src/checks/http-documents.ts', '`public, max-age=${catalogForSeconds}, no-transform`', 'immutable'],
    ['test/scenes/scenes.test.ts', 'in this process documents'],
  ),
  row(
    'a tag of the second is relied upon',
    ['src/store/http/upstream.ts', 'Date.parse(modified) >= 2000', 'Date.parse(modified) >= -2000'],
    ['test/upstream/suite.test.ts', 'what is known is returned itself'],
  ),
  row(
    'a weak tag is relied upon',
    ['src/store/http/upstream.ts', '/^"[', '/^(?:W\\/)?"['],
    ['test/upstream/hostile.test.ts', 'a weak tag'],
  ),
  row(
    'redirects lead anywhere',
    [
      'src/store/http/fetch.ts',
      "if (!['http:', 'https:'].includes(url.protocol)",
      'if (![url.protocol].includes(url.protocol)',
    ],
    ['test/upstream/hostile.test.ts', 'a redirect to a file'],
  ),
  row(
    'a body of another length is taken',
    ['src/store/http/fetch.ts', 'const isWrong = length !== undefined &&', 'const isWrong = length === -1 &&'],
    ['test/upstream/hostile.test.ts', 'a part that is'],
  ),
  row(
    'a part of other bytes is taken',
    ['src/store/http/upstream.ts', 'if (sent !== `bytes ${start}-${end}/${size}`)', 'if (sent === "")'],
    ['test/upstream/hostile.test.ts', 'another part'],
  ),
  row(
    'a silent server is waited for',
    ['src/store/http/fetch.ts', 'const idle = endAfter(idleMs,', 'const idle = endAfter(idleMs * 1000,'],
    ['test/upstream/hostile.test.ts', 'silence'],
  ),
  row(
    'what is refused counts as absent',
    ['src/store/http/upstream.ts', 'answer.status === 404 || answer.status === 410', 'answer.status >= 400'],
    ['test/upstream/hostile.test.ts', '403'],
  ),
  row(
    'manifests that are made up have no end',
    ['src/catalog/commit-channel.ts', '(list === undefined ? 1000 :', '(list === undefined ? 1e9 :'],
    ['test/upstream/freeze.test.ts', 'come to an end'],
  ),
  row(
    'what cannot be listed is passed over in silence',
    ['src/catalog/audit.ts', '? [] : [unlisted]', '? [] : []'],
    ['test/service/inspect.test.ts', 'and that is said'],
  ),
  row(
    'a body has no bound',
    ['src/http/body.ts', 'if (size > maxBytes) throw tooLarge()', 'if (size > 1e12) throw tooLarge()'],
    ['test/scenes/scenes.test.ts', 'in this process bad-input'],
  ),
  row(
    'an answer may be stored by a cache',
    [
      'src/checks/http-updates.ts',
      "charset=utf-8', 'cache-control': 'no-store' }",
      "charset=utf-8', 'cache-control': 'public' }",
    ],
    ['test/scenes/scenes.test.ts', 'in this process machine-update'],
  ),
  row(
    'a catalog names what a rotation overtook',
    [
      'src/catalog/point-catalog.ts',
      'const newest = await loadHead(writing, state, place)',
      'const newest = state && head',
    ],
    ['test/faults/rotation.test.ts', 'nothing that it wrote is named'],
  ),
  row(
    'an expired catalog is signed anew unseen',
    ['src/catalog/edit-catalog.ts', 'if (now < Date.parse(catalog.catalog.expires)) return', 'if (now >= 0) return'],
    ['test/service/races.test.ts', 'is not signed anew without a word'],
  ),
  row(
    'an older catalog is signed anew by who remembers a newer one',
    ['src/catalog/edit-catalog.ts', 'loadForWriting(writing, options.seen)', 'loadForWriting(writing)'],
    ['test/service/races.test.ts', 'nor is an older one'],
  ),
  row(
    'a log that fails ends the server',
    ['src/runtime/node.ts', "stream.on('error', () => {})", "stream.on('drain', () => {})"],
    ['test/cli/serve.test.ts', 'a log on a full disk'],
  ),
  row(
    'a publish tries nothing out',
    ['src/channels/cli/publish.ts', 'if (!dryRun) await refuseUnsafe(store)', 'if (dryRun) await refuseUnsafe(store)'],
    ['test/cli/doctor.test.ts', 'is not published to'],
  ),
  row(
    'a store is made without being tried out',
    ['src/catalog/cli/init.ts', 'await refuseUnsafe({ ...open, log: talk })', 'refuseUnsafe'],
    ['test/cli/doctor.test.ts', 'is not made a store'],
  ),
  row(
    'a create that overwrites is safe enough',
    ['src/doctor/document-checks.ts', '[createOther, swapMissing, swapStale]', '[swapMissing, swapStale]'],
    ['test/service/doctor.test.ts', 'create overwrites'],
  ),
  row(
    'a swap that ignores its token is safe enough',
    ['src/doctor/document-checks.ts', '[createOther, swapMissing, swapStale]', '[createOther, swapMissing]'],
    ['test/service/doctor.test.ts', 'before a publish a store is refused where swap takes any token'],
  ),
  row(
    'a swap that makes a document is safe enough',
    ['src/doctor/document-checks.ts', '[createOther, swapMissing, swapStale]', '[createOther, swapStale]'],
    ['test/service/doctor.test.ts', 'swap makes what is not there'],
  ),
  row(
    'a broken check is not the end',
    ['src/doctor/examine.ts', "outcome === 'broken')) return 'unfit'", "outcome === 'broken')) return 'unknown'"],
    ['test/service/doctor.test.ts', 'swap ignores its token'],
  ),
  row(
    'what cannot be judged is fit',
    ['src/doctor/examine.ts', "outcome === 'unknown') ? 'unknown' : 'fit'", "outcome === 'unknown') ? 'fit' : 'fit'"],
    ['test/service/doctor.test.ts', 'cannot be judged it fails later'],
  ),
  row(
    'scratch objects stay',
    ['src/doctor/examine.ts', 'removeAll(packages, [...written])', 'removeAll(packages, [...written].slice(1))'],
    ['test/service/doctor.test.ts', 'nothing of it stays'],
  ),
  row(
    'a look opens whatever has something newer',
    ['src/catalog/refresh.ts', 'if (opened === slice.opens) break', 'if (opened < 0) break'],
    ['test/service/refresh-slice.test.ts', 'a look opens no more of either kind'],
  ),
  row(
    'a schedule forgets what it wrote',
    ['src/runtime/refreshing.ts', 'await reload(cache, writing)', 'await Promise.resolve(reload)'],
    ['test/service/refresh-slice.test.ts', 'what a look wrote is remembered'],
  ),
  row(
    'Lambda leaves work behind its answers',
    ['src/runtime/lambda.ts', 'background: () => undefined', 'background: () => () => {}'],
    ['test/lambda/requests.test.ts', 'nothing runs behind an answer'],
  ),
  row(
    'Lambda is frozen before its log is written',
    ['src/runtime/lambda.ts', 'log.flush()', 'void log.flush'],
    ['test/lambda/requests.test.ts', 'the log of a check is written before its answer'],
  ),
  row(
    'Lambda is given answers that are too large for it',
    ['src/runtime/lambda.ts', 'if (bytes <= mostBytes)', 'if (bytes <= 1e9 + mostBytes)'],
    ['test/lambda/requests.test.ts', 'are too large for one answer'],
  ),
  row(
    'a stage stays in the path',
    ['src/runtime/lambda.ts', "domainName.includes('.execute-api.')", "domainName.includes('.lambda-url.')"],
    ['test/lambda/scenes.test.ts', 'HTTP API with a stage endpoint'],
  ),
  row(
    'a function that was set up wrongly looks as if there were no updates',
    ['src/runtime/serverless.ts', 'refuse(c, 500, problem)', 'c.text(problem)'],
    ['test/lambda/schedule.test.ts', 'nothing set: it answers 500'],
  ),
  row(
    'a bucket that is missing looks like a key that is',
    ['src/store/s3/failure.ts', "this.code === 'NoSuchKey'", 'this.code !== undefined'],
    ['test/adapters/s3-bad-input.test.ts', 'no bucket get'],
  ),
  row(
    'what S3 forbids looks absent',
    [
      'src/store/s3/failure.ts',
      "this.status === 404 && this.code === 'NoSuchKey'",
      "this.status === 403 || this.code === 'NoSuchKey'",
    ],
    ['test/adapters/s3-bad-input.test.ts', 'denied list, of a key that is not there get'],
  ),
  row(
    'a 404 of whatever answers there looks absent',
    ['src/store/s3/failure.ts', "this.status === 404 && this.code === 'NoSuchKey'", 'this.status === 404'],
    ['test/adapters/s3-bad-input.test.ts', 'something else that answers get'],
  ),
  row(
    'a write whose answer was lost is not looked for',
    ['src/store/s3/documents.ts', 'if (there && equalBytes(there.bytes, bytes))', 'if (there && bytes.length < 0)'],
    ['test/adapters/s3-faults.test.ts', 'create that meets lost once'],
  ),
  row(
    'a swap that was refused is won where equal bytes are there',
    ['src/store/s3/documents.ts', "equal: 'conflict'", "equal: 'ok'"],
    ['test/adapters/s3-faults.test.ts', 'says no to (409'],
  ),
  row(
    'a swap that may have landed and was replaced has lost',
    ['src/store/s3/documents.ts', 'if (doubt !== undefined && isSwap) throw doubt', ''],
    ['test/adapters/s3-faults.test.ts', 'swap that meets reset while another writer wins'],
  ),
  row(
    'the SDK repeats writes',
    ['src/store/s3/client.ts', 'requestHandler: handler, maxAttempts: 1', 'requestHandler: handler, maxAttempts: 3'],
    ['test/adapters/s3-faults.test.ts', 'that meets slow-down always'],
  ),
  row(
    'a wrong clock is made up for',
    ['src/store/s3/client.ts', 'disableClockSkewCorrection: true', 'disableClockSkewCorrection: false'],
    ['test/adapters/s3-last-good.test.ts', 'clock skew'],
  ),
  row(
    'parts that cannot be taken back hide why',
    ['src/store/s3/packages.ts', 'if (wrong !== undefined) throw', 'if (wrong === null) throw'],
    ['test/adapters/s3-packages.test.ts', 'that may not take parts back'],
  ),
  row(
    'a package gets its name before its digest is known',
    ['src/store/streams.ts', '    await end()\n  } finally', '  } finally'],
    ['test/adapters/s3-packages.test.ts', 'of other bytes ends before they get a name'],
  ),
  row(
    'the SDK’s error comes along',
    ['src/store/s3/client.ts', 'error : failureOf(error)', 'error : Object.assign(failureOf(error), { error })'],
    ['test/adapters/s3-bad-input.test.ts', 'wrong secret get'],
  ),
  row(
    'the SHA-1 that was announced is believed',
    ['src/store/streams.ts', 'digests.sha1 !== expected.sha1', 'digests.sha1 === ""'],
    ['test/uploads/bytes.test.ts', 'but only by their SHA-1'],
  ),
  row(
    'a part may be shorter than announced',
    ['src/store/streams.ts', 'if (taken < size) throw', 'if (taken < 0) throw'],
    ['test/uploads/service.test.ts', 'a body that is short'],
  ),
  row(
    'the slot of an upload is enough to send its parts',
    ['src/publish-api/upload-records.ts', 'isSame(record.secret, secret)', 'isSame(secret, secret)'],
    ['test/uploads/service.test.ts', 'with another secret'],
  ),
  row(
    'an upload never ends',
    ['src/publish-api/upload-records.ts', '+ uploadForMs <= now', '+ 2 * uploadForMs <= now'],
    ['test/uploads/service.test.ts', 'is over after a day'],
  ),
  row(
    'what is in its place is sent again',
    ['src/publish-api/upload-records.ts', 'isThere ? undefined : await uploads.begin()', 'await uploads.begin()'],
    ['test/uploads/bytes.test.ts', 'is not sent again, but looked at'],
  ),
  row(
    'a package is removed because somebody claims another SHA-1',
    [
      'src/publish-api/place-upload.ts',
      'if (sha256 !== claim.sha256) {',
      'if (sha256 + sha1 !== claim.sha256 + claim.sha1) {',
    ],
    ['test/uploads/bytes.test.ts', 'outlives who claims another SHA-1'],
  ),
  row(
    'a part of another size counts',
    ['src/publish-api/uploads.ts', 'sizes.get(part.number) !== part.size', '!sizes.has(part.number)'],
    ['test/uploads/service.test.ts', 'a part of another size'],
  ),
  row(
    'the size that a sender announces does not matter',
    ['src/publish-api/uploads.ts', 'if (part.size !== sent.size)', 'if (part.size < 0)'],
    ['test/uploads/service.test.ts', 'one byte less than announced'],
  ),
  row(
    'wrong parts stay where they are',
    ['src/publish-api/uploads.ts', 'if (token !== undefined) await tidy(', 'if (receipt) await tidy('],
    ['test/uploads/bytes.test.ts', 'the next upload begins anew'],
  ),
  row(
    'a receipt of one package is good for another',
    ['src/publish-api/receipts.ts', "of ['key', 'size',", "of ['size',"],
    ['test/uploads/receipts.test.ts', 'of another package, put in its place'],
  ),
  row(
    'a receipt outlives its package',
    ['src/publish-api/receipts.ts', 'if (size === claim.size) return receipt', 'if (size !== 0) return receipt'],
    ['test/uploads/receipts.test.ts', 'where the package went away'],
  ),
  row(
    'the sweep takes what is young',
    ['src/publish-api/sweep-uploads.ts', '|| !isOver(record, clock())', ''],
    ['test/uploads/sweep.test.ts', 'a younger one stays'],
  ),
  row(
    'the template lets nobody read receipts',
    ['infra/aws/template.yaml', 'Resource: !Sub ${Bucket.Arn}/receipts/*', 'Resource: !Sub ${Bucket.Arn}/receipt/*'],
    ['test/lambda/publish.test.ts', 'token, uploads, publish'],
  ),
  row(
    'the template lets the catalog be overwritten unseen',
    [
      'infra/aws/template.yaml',
      '!Sub ${Bucket.Arn}/catalog.jws\n              - !Sub ${Bucket.Arn}/locks/*',
      '!Sub ${Bucket.Arn}/locks/*',
    ],
    ['test/lambda/publish.test.ts', 'the catalog, unseen'],
  ),
  row(
    'marks are swept on their day',
    ['src/publish-api/sweep-uploads.ts', 'if (day >= yesterday) continue', 'if (day > yesterday) continue'],
    ['test/uploads/sweep.test.ts', 'marks of used tokens'],
  ),
  row(
    'the schedule sweeps nothing',
    ['src/runtime/refreshing.ts', "if ('uploads' in writing)", "if ('no uploads' in writing)"],
    ['test/uploads/sweep.test.ts', 'a look of the schedule'],
  ),
  row(
    'ids of uploads are logged',
    ['src/runtime/app.ts', ".replace(/^(\\/v1\\/uploads\\/).+/, '$1…')", ''],
    ['test/uploads/node.test.ts', 'no id was ever logged'],
  ),
  row(
    'who may publish to one channel may upload for all',
    ['src/publish-api/http-uploads.ts', 'app: order.app, channel }', "app: order.app, channel: 'stable' }"],
    ['test/uploads/node.test.ts', 'who may not publish there'],
  ),
  row(
    'a URL takes a part of any size',
    ['src/store/s3/uploads.ts', ', ContentLength: size', ''],
    ['test/uploads/lambda.test.ts', 'its size and its hour'],
  ),
  row(
    'a part is there before it is whole',
    [
      'src/store/folder/uploads.ts',
      'const path = join(folder, `.${randomUUID()}`)',
      'const path = join(folder, nameOf(part))',
    ],
    ['test/adapters/folder-suite.test.ts', 'a part that is sent again replaces'],
  ),
  row(
    'the health check of the image says the opposite',
    ['infra/docker/Dockerfile', 'ok ? 0 : 1', 'ok ? 1 : 0'],
    ['test/infra/docker.test.ts', 'until it is stopped'],
  ),
  row(
    'the service looks for its key where it is not',
    ['infra/systemd/platte.service', '=%d/timestamp.jwk', '=%d/key.jwk'],
    ['test/infra/systemd.test.ts', 'ExecStart answers'],
  ),
  row(
    'a write whose answer was lost is not looked for',
    ['src/locks/store.ts', 'nonces.find((nonce) => ours.has(nonce))', 'nonces.find((nonce) => ours.has(nonce + 1))'],
    ['test/locks/locks.test.ts', 'does not wait for itself'],
  ),
  row(
    'a lost answer leaves somebody stuck',
    ['src/locks/store.ts', 'nonces.find((nonce) => ours.has(nonce))', 'nonces.find((nonce) => ours.has(nonce + 1))'],
    ['test/locks/model.test.ts', 'nobody stuck'],
  ),
  row(
    'one slot too many is given',
    ['src/locks/semaphore.ts', 'if (free <= 0 ||', 'if (free < 0 ||'],
    ['test/locks/model.test.ts', 'never over max'],
  ),
  row(
    'a swap compares nothing',
    ['src/locks/edits.ts', 'BigInt(lock.rev) !== index', 'BigInt(lock.rev) < index'],
    ['test/scenes/scenes.test.ts', 'locks-etcd'],
  ),
  row(
    'holders are sorted as JavaScript does',
    ['src/locks/semaphore.ts', 'if (mine !== other) return mine - other', 'if (mine !== other) return a < b ? -1 : 1'],
    ['test/core/semaphore.test.ts', 'as the bytes of UTF-8'],
  ),
  row(
    'a group begins at the same number each time',
    ['src/locks/store.ts', '  rev: now,', '  rev: 1,'],
    ['test/locks/locks.test.ts', 'repeats no number'],
  ),
  row(
    'a closed group keeps what it has',
    ['src/locks/edits.ts', "wish.kind === 'lock' ? vetoHere(", "wish.kind !== 'nothing' ? vetoHere("],
    ['test/locks/locks.test.ts', 'keeps no slot from being given back'],
  ),
  row(
    'more ghosts are freed a day than may be',
    ['src/locks/edits.ts', 'allowance: expirePerDay - today.length', 'allowance: expirePerDay'],
    ['test/locks/locks.test.ts', 'so many a day'],
  ),
  row(
    'holders of FleetLock are released by anybody',
    ['src/locks/notes.ts', "findHolder(lock, id)?.via === 'locksmith'", "findHolder(lock, id)?.via !== 'operator'"],
    ['test/locks/locks.test.ts', 'nor a holder of FleetLock'],
  ),
  row(
    'every check counts as a reboot',
    ['src/locks/http/notes.ts', '&& previousVersion !== undefined', '&& previousVersion !== null'],
    ['test/locks/locks.test.ts', 'any check of it does not'],
  ),
  row(
    'a token that may read writes',
    ['src/locks/http/etcd.ts', "return scope === 'read' ? denied", "return scope === 'none' ? denied"],
    ['test/scenes/scenes.test.ts', 'elsewhere/locks'],
  ),
  row(
    'a token in the path is logged',
    ['src/locks/http/routes.ts', 'path: path.slice(0, 100)', 'path: c.req.path.slice(0, 100)'],
    ['test/locks/locks.test.ts', 'in no line of the log'],
  ),
  row(
    'a token for a list of audiences is taken',
    ['src/publish-api/oidc.ts', 'if (aud !== audience) throw', 'if (aud === undefined) throw'],
    ['test/publish/tokens.test.ts', 'is for a list of audiences'],
  ),
  row(
    'a token is good for a day',
    ['src/publish-api/oidc.ts', 'maxTokenAge: maxTokenAgeSeconds,', 'maxTokenAge: 100 * maxTokenAgeSeconds,'],
    ['test/publish/tokens.test.ts', 'is older than ten minutes'],
  ),
  row(
    'an issuer that nobody named is asked for its keys',
    [
      'src/publish-api/authorise.ts',
      'Object.hasOwn(policy.issuers, name) ? policy.issuers[name] : undefined',
      "policy.issuers[name] ?? { jwks: `${name}/jwks`, algs: ['RS256'] as const }",
    ],
    ['test/publish/tokens.test.ts', 'is of an issuer that the policy does not name'],
  ),
  row(
    'a claim that is missing matches',
    ['src/publish-api/policy.ts', 'if (value === undefined) return `claim', 'if (value === null) return `claim'],
    ['test/publish/tokens.test.ts', 'no environment'],
  ),
  row(
    'a pull request publishes',
    ['src/publish-api/policy.ts', "['event_name', ['pull_request', 'pull_request_target']],", ''],
    ['test/publish/tokens.test.ts', 'pull_request_target'],
  ),
  row(
    'one allowed channel is enough',
    ['src/publish-api/policy.ts', 'const outside = places.find(', 'const outside = places.slice(0, 1).find('],
    ['test/publish/tokens.test.ts', 'one of two channels'],
  ),
  row(
    'a token is good for another request',
    ['src/publish-api/replay.ts', 'mark.request !== request', 'mark.request === ""'],
    ['test/publish/node.test.ts', 'machines are told at once'],
  ),
  row(
    'packages are believed without a receipt',
    ['src/channels/publish.ts', 'if (isNew && !order.dryRun) for', 'if (isNew && order.dryRun) for'],
    ['test/publish/node.test.ts', 'packages that nobody sent'],
  ),
  row(
    'a redirect of an issuer is followed',
    ['src/publish-api/fetch-keys-http.ts', "redirect: 'manual'", "redirect: 'follow'"],
    ['test/publish/tokens.test.ts', 'a redirect'],
  ),
  row(
    'a page asks for a machine that runs nothing only',
    [
      'src/release/rollout-status.ts',
      "first.end?.reason === 'target' && second",
      "first.end?.reason === 'held' && second",
    ],
    ['test/core/standing.test.ts', 'what most machines are offered'],
  ),
  row(
    'a page shows a ramp where everybody is reached',
    ['src/release/rollout-status.ts', 'if (share >= 1 ||', 'if (share > 1 ||'],
    ['test/core/standing.test.ts', 'everybody is reached'],
  ),
  row(
    'a feed did not change when a ramp ended',
    ['src/release/rollout-status.ts', '=> points.map(({ at }) => at)', '=> points.map(({ share }) => share)'],
    ['test/http/feeds.test.ts', 'when a ramp ends'],
  ),
  row(
    'a page offers what an expired catalog says',
    ['src/site/status.ts', 'const boards = problem ?', 'const boards = problem === null ?'],
    ['test/http/pages.test.ts', 'the catalog expired'],
  ),
  row(
    'a page goes into one more cache for the wrong language',
    ['src/site/pages/layout.ts', "vary: 'accept-language'", "vary: 'accept'"],
    ['test/http/pages.test.ts', 'is answered in'],
  ),
  row(
    'a page lets scripts run',
    ['src/site/pages/layout.ts', "default-src 'none'; style-src 'self'", "default-src * 'unsafe-inline'"],
    ['test/http/pages.test.ts', 'is valid'],
  ),
  row(
    'a page links whatever a reason says',
    ['src/site/pages/board.ts', '/^https?:\\/\\/[^\\s"\'<>]+$/.test(because)', "because !== ''"],
    ['test/http/pages.test.ts', 'a reason that is a URL'],
  ),
  row(
    'a page shows pictures of other hosts',
    ['src/site/pages/notes.ts', "['labelStartImage']", '[]'],
    ['test/http/pages.test.ts', 'HTML in names'],
  ),
  row(
    'a page has as many cards as there are',
    ['src/site/pages/home.ts', 'places.slice(from, from + maxChannels)', 'places.slice(from, from + 60)'],
    ['test/http/pages.test.ts', '5,000 channels'],
  ),
  row(
    'a page explains to everybody',
    ['src/site/pages/explain.ts', "if (serving.explain !== 'public')", 'if (serving.explain === undefined)'],
    ['test/http/pages.test.ts', 'for operators only'],
  ),
  row(
    'a page of a deployment below a path links beside it',
    ['src/site/pages/page-context.ts', 'return base + path +', 'return path +'],
    ['test/http/pages.test.ts', 'below a path'],
  ),
  row(
    'a feed takes the time before the tag',
    ['src/site/feeds/send.ts', 'tags === undefined', 'since > 0'],
    ['test/http/feeds.test.ts', 'by tag and by time'],
  ),
  row(
    'a feed takes its ids from where it is',
    ['src/site/feeds/atom.ts', 'id: idOf(place)', 'id: idOf(page)'],
    ['test/http/feeds.test.ts', 'its ids stay'],
  ),
  row(
    'version.txt is of an expired catalog',
    [
      'src/site/feeds/flatcar.ts',
      "if (version === 'current' && status.problem)",
      "if (version === '' && status.problem)",
    ],
    ['test/http/pages.test.ts', 'the catalog expired'],
  ),
  row(
    'a channel is called like a page',
    ['src/channels/publish.ts', 'if (head === undefined) checkNewName', 'if (head === null) checkNewName'],
    ['test/http/pages.test.ts', 'whose name is a path'],
  ),
  row(
    'a client configuration takes a line feed for a name',
    ['src/clients/answers.ts', "['group', groupForm.test(group)]", "['group', group !== '']"],
    ['test/core/client-config.test.ts', 'a line feed in a name'],
  ),
  row(
    'a client configuration says best-effort',
    ['src/clients/answers.ts', 'const used = (wasBestEffort ?', 'const used = (wasBestEffort === null ?'],
    ['test/core/client-config.test.ts', 'best-effort'],
  ),
  row(
    'a client configuration leaves a window unquoted',
    [
      'src/clients/config.ts',
      'LOCKSMITHD_REBOOT_WINDOW_START="${window.start}"',
      'LOCKSMITHD_REBOOT_WINDOW_START=${window.start}',
    ],
    ['test/core/client-config.test.ts', 'update.conf says it'],
  ),
  row(
    'a check of update.conf is blind for CRLF',
    ['src/clients/check.ts', "if (text.includes('\\r'))", "if (text.includes('\\v'))"],
    ['test/core/client-config.test.ts', 'CRLF'],
  ),
  row(
    'a check of update.conf takes a look-alike for the server',
    ['src/clients/check.ts', 'if (!value.startsWith(`${url}/`)) return', 'if (!value.startsWith(url)) return'],
    ['test/core/client-config.test.ts', 'look-alike'],
  ),
  row(
    'the function signs whatever it is given',
    ['src/publish-api/countersign.ts', 'if (!sameJson(manifest, proposed))', 'if (manifest.seq === 0)'],
    ['test/publish/countersign.test.ts', 'nothing but what follows'],
  ),
  row(
    'one signature of two is enough',
    [
      'src/publish-api/countersign.ts',
      'await verifyHead(signed, root,',
      'if (seq === 0) await verifyHead(signed, root,',
    ],
    ['test/publish/countersign.test.ts', 'neither ships alone'],
  ),
  row(
    'a key is made for a store that has a root',
    ['src/catalog/cli/init.ts', '    if (hasRoot)', '    if (!hasRoot && hasRoot)'],
    ['test/cli/scenes.test.ts', 'root.txt'],
  ),
  row(
    'the order in which keys came is a matter',
    ['src/catalog/roots.ts', 'b.roles[name].keyIds.toSorted()', 'b.roles[name].keyIds'],
    ['test/service/roots.test.ts', 'in whatever order'],
  ),
  row(
    'a server sweeps nothing',
    ['src/runtime/server.ts', 'sweep: sweepUploads', 'sweep: undefined'],
    ['test/publish/node.test.ts', 'swept what pipelines left'],
  ),
  row(
    'a function sweeps nothing',
    ['src/runtime/serverless.ts', 'sweep: extras.sweep', 'sweep: undefined'],
    ['test/lambda/publish.test.ts', 'may sweep'],
  ),
  row(
    'a bundle takes packages as they come',
    ['src/mirroring/bundle-files.ts', 'packagesAtOnce: 1', 'packagesAtOnce: 8'],
    ['test/runtimes/bundles.test.ts', 'the same bytes'],
  ),
  row(
    'a mirror forgets its own catalog',
    ['src/mirroring/mirror.ts', 'memory.complete ?? (await loadMark(pass))', 'memory.complete'],
    ['test/upstream/mirror.test.ts', 'shows an earlier catalog'],
  ),
  row(
    'a mirror that another overtook goes back',
    [
      'src/mirroring/mirror.ts',
      'mark.catalog.issuedAtMs > state.catalog.issuedAtMs',
      'mark.catalog.issuedAtMs > Number.POSITIVE_INFINITY',
    ],
    ['test/service/mirror.test.ts', 'overtook leaves'],
  ),
  row(
    'a mirror takes what was not there for complete',
    ['src/mirroring/mirror.ts', 'pass.copied.absent.length === 0', 'pass.copied.absent.length >= 0'],
    ['test/service/mirror.test.ts', 'is asked for again'],
  ),
  row(
    'a mirror takes a package of another size',
    ['src/mirroring/mirror-pass.ts', 'if (open.size !== one.size) {', 'if (open.size < 0) {'],
    ['test/upstream/mirror.test.ts', 'serves a longer package'],
  ),
  row(
    'one bad channel holds up the others',
    ['src/mirroring/mirror-channels.ts', '      problems.push(error)\n', '      throw error\n'],
    ['test/service/mirror.test.ts', 'holds up no other'],
  ),
  row(
    'a schedule looks at no bounds',
    [
      'src/mirroring/mirror-channels.ts',
      "    if (pass.options.bounds?.isSpent()) return 'more'",
      '    if (pass.options.bounds === null) return "more"',
    ],
    ['test/service/mirror.test.ts', 'in bounded steps'],
  ),
  row(
    'a redirect may lead to this machine',
    ['src/store/http/address-scope.ts', "target !== 'link' && nearness(from.hostname) !== 'far'", "target !== 'link'"],
    ['test/adapters/near.test.ts', 'may lead to'],
  ),
  row(
    'a redirect may lead to the metadata of a cloud',
    ['src/store/http/fetch.ts', 'if (!mayLead(new URL(asked), url))', 'if (!mayLead(url, url))'],
    ['test/upstream/mirror.test.ts', 'redirects to 169.254.169.254'],
  ),
  row(
    'an archive may name a file twice',
    ['src/mirroring/tar/read.ts', 'if (places.has(key))', 'if (places.has(name) && key === "")'],
    ['test/adapters/tar.test.ts', 'with one name twice'],
  ),
  row(
    'an archive may hold links',
    [
      'src/mirroring/tar/read.ts',
      "if (type === '1' || type === '2') refuse('is a link')",
      "if (type === '1' || type === '2') return",
    ],
    ['test/adapters/tar.test.ts', 'with a symbolic link'],
  ),
  row(
    'an archive may hold what is no object',
    [
      'src/mirroring/tar/read.ts',
      "if (kind === undefined && !key.startsWith('packages/'))",
      "if (kind === undefined && key === '')",
    ],
    ['test/adapters/tar.test.ts', 'with a lock'],
  ),
  row(
    'a cut archive is taken',
    [
      'src/mirroring/tar/read.ts',
      'if (at + size > length) throw cut()',
      'if (at + size > length) return new Uint8Array(blockBytes)',
    ],
    ['test/adapters/tar.test.ts', 'without its end'],
  ),
  row(
    'a stale catalog is signed anew',
    [
      'src/catalog/edit-catalog.ts',
      'if (now < Date.parse(catalog.catalog.expires)) return',
      'if (now < catalog.expiresMs) return',
    ],
    ['test/service/stale.test.ts', 'never signed anew'],
  ),
  row(
    'nobody is told of a stale catalog',
    [
      'src/catalog/health.ts',
      'if (leftMs <= 0 && now < catalog.expiresMs) problems.push(staleSentence(catalog))',
      'if (leftMs <= 0 && now < catalog.expiresMs) return problems',
    ],
    ['test/service/stale.test.ts', 'health and'],
  ),
  row(
    'the mark is not read',
    ['src/catalog/read.ts', 'const marked = seen ?? (await loadMark(reading))', 'const marked = seen'],
    ['test/upstream/chain.test.ts', 'origin, mirror, sidecar, client'],
  ),
  row(
    'the mark is not kept',
    [
      'src/catalog/read.ts',
      'if (state.catalog.sha256 !== marked?.catalog.sha256)',
      'if (state.catalog.sha256 === marked?.catalog.sha256)',
    ],
    ['test/upstream/chain.test.ts', 'origin, mirror, sidecar, client'],
  ),
  row(
    'an overlay lifts a hold',
    ['src/release/overlay.ts', 'refusal: candidate.refusal ?? refusal', 'refusal'],
    ['test/core/overlay.test.ts', 'stays so'],
  ),
  row(
    'an overlay lifts a ramp',
    ['src/release/overlay.ts', 'ramps: [...candidate.ramps, ...ramps]', 'ramps'],
    ['test/core/conditions-properties.test.ts', 'an overlay only restricts'],
  ),
  row(
    'an overlay does not reach floors',
    ['src/release/overlay.ts', 'floors: all(view.floors)', 'floors: view.floors'],
    ['test/core/overlay.test.ts', 'never jumped'],
  ),
  row(
    'what is held upstream is adopted',
    [
      'src/mirroring/adopt.ts',
      '?? entry.holds?.find((hold) => isIt(hold.version))?.reason',
      '?? entry.holds?.find(() => isIt(""))?.reason',
    ],
    ['test/service/adopt.test.ts', 'neither held'],
  ),
  row(
    'floors are not adopted',
    ['src/mirroring/adopt.ts', 'return [...floors, target]', 'return [target]'],
    ['test/service/adopt.test.ts', 'floors on the way'],
  ),
  row(
    'what is not there is adopted',
    ['src/mirroring/adopt.ts', 'if (first !== undefined) throw', "if (first === '') throw"],
    ['test/service/adopt.test.ts', 'is not published'],
  ),
  row(
    'a legacy syncer jumps floors',
    ['src/checks/http-updates.ts', "app.syncer === 'one' && (way", "app.syncer === 'many' && (way"],
    ['test/http/syncer.test.ts', 'with floors'],
  ),
  row(
    'a way goes on behind a floor that is held',
    ['src/release/upgrade-path.ts', "next.reason !== 'floor-held'", "next.reason !== 'held'"],
    ['test/http/syncer.test.ts', 'ends the way'],
  ),
  row(
    'a mirror keeps other bytes under a name',
    ['src/mirroring/mirror-pass.ts', "if (outcome === 'taken')", "if (outcome === 'same')"],
    ['test/service/mirror.test.ts', 'both are said loudly'],
  ),
  row(
    'a lock is named where there is none',
    ['src/site/pages/config.ts', '(serving.locks && ownUrl(serving))', 'ownUrl(serving)'],
    ['test/http/pages.test.ts', 'names the lock of this deployment'],
  ),
  row(
    'a channel that was renamed is listed twice',
    [
      'src/site/status.ts',
      "if ('problem' in one || one.channel === place.channel) return one",
      "if ('problem' in one || one.app === place.app) return one",
    ],
    ['test/http/feeds.test.ts', 'renamed names it once'],
  ),
  row(
    'a ramp that stays or was stopped has an end',
    [
      'src/release/rollout-status.ts',
      'to: ends ? Math.max(first, ...others) : undefined',
      'to: Math.max(first, ...others)',
    ],
    ['test/core/standing.test.ts', 'has no end'],
  ),
  row(
    'any path of this server answers update checks',
    ['src/clients/check.ts', 'return isOurs(value) ? []', 'return value ? []'],
    ['test/core/client-config.test.ts', 'a slash too many'],
  ),
  row(
    'a release is due on the next such weekday, never on the one before',
    ['src/site/status.ts', '+ 10) % 7) - 3)', '+ 7) % 7) - 0)'],
    ['test/http/feeds.test.ts', 'a release is due at'],
  ),
  row(
    'the feed of a follower tells what it offers to nobody yet',
    ['src/site/feeds/atom.ts', 'seenFrom <= now', 'seenFrom <= now || true'],
    ['test/http/feeds.test.ts', 'offers to nobody yet'],
  ),
  row(
    'what changed in a channel while it was renamed is lost',
    ['src/channels/rename-channel.ts', 'if (seq !== old?.seq) throw', 'if (seq === 0) throw'],
    ['test/service/meanwhile.test.ts', 'a withdrawal that lands before it ends'],
  ),
  row(
    'a hold that came while a channel was renamed is lost',
    [
      'src/channels/rename-channel.ts',
      '// What was held in the old one until it ended.\n  await copyBrakes(writing, place, renamed)',
      '',
    ],
    ['test/service/meanwhile.test.ts', 'a hold that lands before it ends'],
  ),
  row(
    'a rename takes the provenance of the old name along',
    ['src/channels/rename-channel.ts', 'previous: _, provenance: __, ...content', 'previous: _, ...content'],
    ['test/service/meanwhile.test.ts', 'was broken off: provenance {'],
  ),
  row(
    'a refresh names a manifest of the future',
    ['src/catalog/refresh.ts', 'found && notAhead(found, place, writing.clock())', 'found'],
    ['test/service/races.test.ts', 'an hour ahead waits'],
  ),
  row(
    'a manifest of the future is offered',
    ['src/catalog/point-catalog.ts', 'notAhead(newest ?? head, place, writing.clock())', 'newest ?? head'],
    ['test/service/races.test.ts', 'an hour ahead waits'],
  ),
  row(
    'a proposal of the future is signed',
    ['src/publish-api/countersign.ts', 'issuedAtMs - now <= maxAheadMs', 'issuedAtMs - now <= maxSkewMs'],
    ['test/publish/countersign.test.ts', 'is dated 9 minutes ahead'],
  ),
  row(
    'a schedule leaves what its follower follows as it was',
    ['src/mirroring/mirror-channels.ts', 'if (source) await copyChannel(', 'if (!source) await copyChannel('],
    ['test/service/mirror.test.ts', 'what is new in its source'],
  ),
  row(
    'channels that follow each other are looked at in turn',
    [
      'src/mirroring/mirror-channels.ts',
      'if (follow && pass.options.bounds && !isSource)',
      'if (follow && pass.options.bounds)',
    ],
    ['test/service/mirror.test.ts', 'have an end in a schedule'],
  ),
  row(
    'a schedule mirrors any number of channels by name',
    ['src/runtime/serverless.ts', 'const channelsAtMost = 16', 'const channelsAtMost = 1e9'],
    ['test/runtimes/config.test.ts', 'mirrors 17 channels'],
  ),
  row(
    'a rollback is taken back by halves',
    ['src/release/edits.ts', "const isOffered = mark === 'withdrawn' &&", "const isOffered = mark === 'deadEnd' &&"],
    ['test/service/channels.test.ts', 'is taken back as a whole'],
  ),
  row(
    'a rollback cannot be taken back',
    [
      'src/release/edits.ts',
      "return markRelease(upwards, bad, { mark: 'withdrawn'",
      "return markRelease(channel, bad, { mark: 'withdrawn'",
    ],
    ['test/service/channels.test.ts', 'is taken back as a whole'],
  ),
  row(
    'an alias needs no leave of the policy',
    ['src/channels/commands.ts', "(('aliases' in order && order.aliases) || [])", '[]'],
    ['test/publish/tokens.test.ts', 'need the leave of the policy'],
  ),
  row(
    'a ramp is weighed by a clock that is stopped for machines',
    ['src/release/edits.ts', 'readRamp(steps, asOf)', 'readRamp(steps)'],
    ['test/service/channels.test.ts', 'behind the clock of a stopped channel'],
  ),
  row(
    'a rollback goes to what a stopped ramp offers to a part',
    ['src/release/edits.ts', 'readRamp(left.ramp, asOf)', 'readRamp(left.ramp)'],
    ['test/service/channels.test.ts', 'however long ago it was stopped'],
  ),
  row(
    'a rollback goes to what is not for every machine',
    ['src/release/edits.ts', 'if (left.target)', 'if (left.target === null)'],
    ['test/service/channels.test.ts', 'not for every machine'],
  ),
  row(
    'a rollback of a follower promises a version',
    ['src/channels/execute-command.ts', 'if (to !== undefined && current.follow)', 'if (to === "" && current.follow)'],
    ['test/service/channels.test.ts', 'not for every machine'],
  ),
  row(
    'who follows looks once',
    ['src/channels/channel-life.ts', 'await lookAgain(options, check)', ''],
    ['test/service/meanwhile.test.ts', 'follow, and are followed: who comes last'],
  ),
  row(
    'who deletes looks once',
    ['src/channels/channel-life.ts', 'await lookAgain(options, () => refuseFollowed(writing, place))', ''],
    ['test/service/meanwhile.test.ts', 'delete what the other follows: who comes last'],
  ),
  row(
    'who takes a name looks once',
    ['src/channels/channel-life.ts', 'for (const name of claimed) refuseTaken(name, now)', 'void now'],
    ['test/service/meanwhile.test.ts', 'take one name: who comes last'],
  ),
  row(
    'what was pruned meanwhile is published',
    ['src/channels/publish.ts', 'await requirePackages(publishing, keys, order.version)', ''],
    ['test/service/meanwhile.test.ts', 'is pruned elsewhere meanwhile'],
  ),
  row(
    'an overlay on a channel misses its followers',
    ['src/catalog/channels.ts', 'overlay, source?.manifest)', 'overlay)'],
    ['test/service/channels.test.ts', 'reaches what follows it'],
  ),
  row(
    'a lease frees what an operator holds',
    ['src/locks/semaphore.ts', "via !== 'operator' && id !== asking", 'id !== asking'],
    ['test/locks/locks.test.ts', 'never what an operator holds'],
  ),
  row(
    'a lease takes the slot of a machine that asks',
    ['src/locks/semaphore.ts', "via !== 'operator' && id !== asking", "via !== 'operator'"],
    ['test/locks/locks.test.ts', 'the machine that asks again'],
  ),
  row(
    'a group ends in a dot',
    ['src/locks/semaphore.ts', " && !name.endsWith('.')", ''],
    ['test/core/semaphore.test.ts', '"a." is none'],
  ),
  row(
    'an answer is kept however long it is',
    ['src/publish-api/replay.ts', 'if (current && told.length <= maxMarkBytes)', 'if (current)'],
    ['test/publish/tokens.test.ts', 'longer than a mark may be'],
  ),
  row(
    'a summary shows more of a source than an overlay lets through',
    [
      'src/channels/summary.ts',
      'restrict(namedView, reading.overlay, namedSource?.manifest)',
      'restrict(namedView, reading.overlay)',
    ],
    ['test/service/channels.test.ts', 'reaches what follows it'],
  ),
  row(
    'an overlay on a source withholds what its followers have of their own',
    [
      'src/release/overlay.ts',
      'versions.some((one) => compareVersions(one, version) === 0) ?',
      'versions.length > 0 ?',
    ],
    ['test/service/channels.test.ts', 'says nothing of its own releases'],
  ),
  row(
    'a rename that went on to its end says that it changed nothing',
    ['src/channels/rename-channel.ts', "{ ...result, kind: 'changed' }", 'result'],
    ['test/service/meanwhile.test.ts', 'is renamed in the end'],
  ),
]
