/** `platte completion`: a script that completes commands, options and the words that an option takes. */
import { Argument, Command, type Option } from 'commander'
import { showText } from './terminal.ts'

/** What can follow the words of a command. */
interface Place {
  /** The words, such as `lock status`; empty for `platte` itself. */
  readonly at: string
  readonly commands: readonly Described[]
  readonly options: readonly (Described & { readonly takes: 'nothing' | 'anything' | readonly string[] })[]
}

type Described = Readonly<{ name: string; about: string }>

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

type Load = () => Promise<readonly Command[]>

/** @param load makes all commands. There is no JSON: a script belongs where a shell finds it. */
export const completionCommand = (load: Load): Command =>
  new Command('completion')
    .description('print what completes commands in a shell')
    .addArgument(new Argument('<shell>', 'whose script to print').choices(shells))
    .action(async (shell: Shell) => showText(scripts[shell](placesOfAll(await load()))))

function placesOfAll(all: readonly Command[]): readonly Place[] {
  const top = { at: '', commands: all.map(described), options: [option('--help'), option('--version')] }
  return [top, ...all.flatMap((one) => placesOf(one, ''))]
}

const option = (name: string) => ({ name, about: '', takes: 'nothing' as const })

const described = (one: Command): Described => ({ name: one.name(), about: one.description() })

function placesOf(one: Command, parent: string): readonly Place[] {
  const at = `${parent} ${one.name()}`.trim()
  const shown = one.options.filter(({ hidden, long }) => !hidden && long)
  const options = shown.map((own) => ({ name: own.long ?? '', about: own.description, takes: takenBy(own) }))
  return [
    { at, commands: one.commands.map(described), options: [...options, option('--quiet'), option('--help')] },
    ...one.commands.flatMap((sub) => placesOf(sub, at)),
  ]
}

function takenBy({ required, optional, parseArg }: Option): 'nothing' | 'anything' | readonly string[] {
  const { words } = (parseArg ?? {}) as { readonly words?: readonly string[] }
  return words ?? (required || optional ? 'anything' : 'nothing')
}

const wordsOf = ({ commands, options }: Place): string => [...commands, ...options].map(({ name }) => name).join(' ')

/** For bash and zsh: what follows the words of a command, and what an option of it takes (`-` for anything). */
const tables = (places: readonly Place[]): string => `_platte_words() {
  case "$1" in
${places.map((place) => `    '${place.at}') echo '${wordsOf(place)}' ;;`).join('\n')}
  esac
}
_platte_taken() {
  case "$1" in
${places
  .flatMap(({ at, options }) =>
    options.flatMap(({ name, takes }) =>
      takes === 'nothing' ? [] : [`    '${at} ${name}') echo '${takes === 'anything' ? '-' : takes.join(' ')}' ;;`],
    ),
  )
  .join('\n')}
  esac
}
_platte_is_command() {
  case "$1" in
    ${places.flatMap(({ at }) => (at === '' ? [] : [`'${at}'`])).join(' | ')}) return 0 ;;
  esac
  return 1
}
`

const bash = (places: readonly Place[]): string => `# bash: platte completion bash > /etc/bash_completion.d/platte
${tables(places)}_platte() {
  local at='' word current=\${COMP_WORDS[COMP_CWORD]} taken
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if _platte_is_command "\${at:+$at }$word"; then at="\${at:+$at }$word"; fi
  done
  taken=$(_platte_taken "$at \${COMP_WORDS[COMP_CWORD-1]}")
  COMPREPLY=()
  if [ "$taken" = - ]; then return; fi
  COMPREPLY=($(compgen -W "\${taken:-$(_platte_words "$at")}" -- "$current"))
}
complete -o bashdefault -o default -F _platte platte
`

const zsh = (places: readonly Place[]): string => `#compdef platte
# zsh: platte completion zsh > a folder of $fpath, as _platte; or source it after compinit
${tables(places)}_platte() {
  local at='' word taken
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if _platte_is_command "\${at:+$at }$word"; then at="\${at:+$at }$word"; fi
  done
  taken=$(_platte_taken "$at \${words[CURRENT-1]}")
  if [[ "$taken" = - ]]; then _files; return; fi
  compadd -- \${=\${taken:-$(_platte_words "$at")}} || _files
}
if [[ "\${funcstack[1]}" = _platte ]]; then _platte "$@"; else compdef _platte platte; fi
`

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`

const fish = (
  places: readonly Place[],
): string => `# fish: platte completion fish > ~/.config/fish/completions/platte.fish
set -g __platte_places ${places.flatMap(({ at }) => (at === '' ? [] : [`'${at}'`])).join(' ')}
function __platte_is
    set -l at
    for word in (commandline -opc)[2..-1]
        if contains -- (string join -- ' ' $at $word) $__platte_places
            set -a at $word
        end
    end
    test "$at" = "$argv"
end
${places
  .flatMap(({ at, commands, options }) => [
    ...commands.map(({ name, about }) => `complete -c platte -n "__platte_is ${at}" -f -a ${name} -d ${quoted(about)}`),
    ...options.map(({ name, about, takes }) => {
      const value = takes === 'nothing' ? '' : takes === 'anything' ? ' -r' : ` -x -a '${takes.join(' ')}'`
      return `complete -c platte -n "__platte_is ${at}" -l ${name.slice(2)}${value} -d ${quoted(about)}`
    }),
  ])
  .join('\n')}
`

const scripts: Readonly<Record<Shell, (places: readonly Place[]) => string>> = { bash, zsh, fish }
