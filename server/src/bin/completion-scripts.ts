/** The scripts that make shells ask `limiquantix __complete` what may stand next. Pure. */

/** The shells that there are scripts for. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** A shell that there is a script for. */
export type Shell = (typeof shells)[number];

/** How to load each script, for help. */
export const completionHelp = `
Load it for this shell, or put the line into the file that the shell reads at its start:

  bash   source <(limiquantix completion bash)    ~/.bashrc
  zsh    source <(limiquantix completion zsh)     ~/.zshrc, after compinit
  fish   limiquantix completion fish | source     ~/.config/fish/config.fish`;

const bash = `# bash completion of limiquantix
_limiquantix() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <(limiquantix __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _limiquantix limiquantix
`;

const zsh = `#compdef limiquantix
_limiquantix() {
  local line value
  local -a candidates
  while IFS= read -r line; do
    value=\${line%%$'\\t'*}
    candidates+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done < <(limiquantix __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#candidates} )); then
    _describe -V limiquantix candidates
  else
    _files
  fi
}
compdef _limiquantix limiquantix
`;

const fish = `# fish completion of limiquantix
function __limiquantix_complete
  set -l words (commandline -opc) (commandline -ct)
  limiquantix __complete -- $words[2..-1] 2>/dev/null
end
complete -c limiquantix -f -a '(__limiquantix_complete)'
complete -c limiquantix -s f -l file -r -F
`;

/** The script for a shell. */
export const completionScripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
