#!/bin/sh
# safe-git guard: a PreToolUse hook for the Bash tool.
#
# Reads the hook's JSON on stdin. Exit 2 with a message on stderr stops the
# command; exit 0 lets it run. It stops
#   - a forced push to main, master, the remote's default branch or a branch
#     matching `git config safe-git.protected`, and deleting such a branch;
#   - `git reset --hard` over uncommitted changes;
#   - `git clean -f` that would delete untracked files;
#   - amend, rebase and filter-branch/filter-repo of commits that are already
#     on the remote copy of such a branch.
# It is a seat belt, not a sandbox: whatever it cannot parse, it lets through.
#
# Needs sh, sed, grep and git. Never writes to the repository.

set -f
LC_ALL=C
GIT_OPTIONAL_LOCKS=0
export LC_ALL GIT_OPTIONAL_LOCKS

BLOCKED=42      # internal status; turned into 2 on the last lines
MAX_LENGTH=50000

nl='
'
tab=$(printf '\t')
mark=$(printf '\001')
# The characters that mean something to the lexer; $mark stands for a newline.
special=" $tab$mark;&|()<>'\"\\\`#\$"
default_ifs=" $tab$nl"

# ---- hook input -----------------------------------------------------------

# json_string PREFIX-REGEX: prints the decoded JSON string that follows the
# match in $input. A key inside another JSON string has escaped quotes, so an
# unescaped "key" is always a real key.
json_string() {
  printf '%s\n' "$input" |
    sed -n "s/.*$1"'[[:space:]]*:[[:space:]]*"\([^"\\]*\(\\.[^"\\]*\)*\)".*/\1/p' |
    sed -e "s/\\\\\\\\/$mark/g" \
      -e 's/\\"/"/g' -e 's/\\\//\//g' -e "s/\\\\t/$tab/g" -e 's/\\r//g' \
      -e 's/\\n/\
/g' \
      -e 's/\\u0022/"/g' -e "s/\\\\u0027/'/g" -e 's/\\u0026/\&/g' \
      -e 's/\\u003[cC]/</g' -e 's/\\u003[eE]/>/g' -e 's/\\u003[dD]/=/g' \
      -e 's/\\u[0-9a-fA-F]\{4\}/?/g' \
      -e "s/$mark/\\\\/g"
}

# Prints stdin without the bodies of here-documents: they are data.
strip_heredocs() {
  out= held= end=
  while IFS= read -r line || [ -n "$line" ]; do
    if [ -n "$end" ]; then
      held=$held$line$nl
      bare=$line
      while :; do
        case $bare in "$tab"*) bare=${bare#?} ;; *) break ;; esac
      done
      if [ "$bare" = "$end" ]; then
        end= held=
      fi
      continue
    fi
    out=$out$line$nl
    case $line in
      *'<<<'*) ;;
      *'<<'*)
        end=$(printf '%s\n' "$line" |
          sed -n "s/.*<<-\{0,1\}[[:space:]]*[\\\\\"']\{0,1\}\([A-Za-z_][A-Za-z0-9_]*\).*/\1/p")
        ;;
    esac
  done
  # No closing line: it was not a here-document after all.
  printf '%s' "$out$held"
}

# ---- verdicts -------------------------------------------------------------

block() { # WHAT, ADVICE
  printf 'safe-git blocked this command: %s\n%s\n' "$1" "$2" >&2
  exit $BLOCKED
}

# Runs git where the command would run; fails when that place is not known.
g() {
  [ -n "$gdir" ] && git -C "$gdir" "$@" 2>/dev/null
}

# join_dir BASE NEW: the directory after `cd NEW`, empty when unknown.
join_dir() {
  case $2 in
    *'$'* | *'`'* | *'*'* | *'?'* | -) ;;
    '') printf '%s' "$1" ;;
    '~') printf '%s' "$HOME" ;;
    '~/'*) printf '%s/%s' "$HOME" "${2#??}" ;;
    '~'*) ;;
    /* | [A-Za-z]:*) printf '%s' "$2" ;;
    *) [ -n "$1" ] && printf '%s/%s' "$1" "$2" ;;
  esac
}

current_branch() {
  if [ -n "$switched" ]; then
    printf '%s' "$switched"
  else
    g symbolic-ref --quiet --short HEAD
  fi
}

remote_of() { # BRANCH
  remote_name=$(g config "branch.$1.remote")
  printf '%s' "${remote_name:-origin}"
}

is_protected() { # BRANCH REMOTE
  case $1 in
    main | master) return 0 ;;
    '') return 1 ;;
  esac
  default=$(g symbolic-ref --quiet "refs/remotes/$2/HEAD")
  [ -n "$default" ] && [ "${default#"refs/remotes/$2/"}" = "$1" ] && return 0
  patterns=$(g config --get-all safe-git.protected)
  [ -n "$patterns" ] || return 1
  while IFS= read -r pattern; do
    # Unquoted on purpose: the setting may be a glob such as release/*.
    case $1 in $pattern) return 0 ;; esac
  done <<EOF
$patterns
EOF
  return 1
}

# Prints the remote-tracking ref of a local branch, if there is one.
tracking_ref() { # BRANCH
  ref=$(g for-each-ref --format='%(upstream)' "refs/heads/$1")
  case $ref in
    refs/remotes/*) ;;
    *) ref=refs/remotes/origin/$1 ;;
  esac
  g show-ref --verify --quiet "$ref" && printf '%s' "$ref"
}

# ---- rules ----------------------------------------------------------------

advise_push="Push to a feature branch and open a pull request, or use --force-with-lease on your own branch. If the user really wants this, ask them to run it in their own terminal."
advise_history="Make a new commit instead (git revert, git commit --fixup on a branch), or move the work to a branch first: git switch -c <name>. If the user really wants this, ask them to run it in their own terminal."

check_push() {
  force= delete= every= mirror= tags= remote= refspecs= literal=
  while [ $# -gt 0 ]; do
    arg=$1
    shift
    if [ -z "$literal" ]; then
      case $arg in
        --) literal=1; continue ;;
        --dry-run) return 0 ;;
        --force) force=1; continue ;;
        --no-force) force=; continue ;;
        --delete) delete=1; continue ;;
        --all | --branches) every=1; continue ;;
        --mirror) mirror=1; continue ;;
        --tags) tags=1; continue ;;
        --repo=*) remote=${arg#--repo=}; continue ;;
        --push-option | --receive-pack | --exec | --recurse-submodules | --repo)
          [ $# -gt 0 ] && shift
          continue
          ;;
        --*) continue ;;
        -*)
          flags=${arg%%o*}
          case $flags in *n*) return 0 ;; esac
          case $flags in *f*) force=1 ;; esac
          case $flags in *d*) delete=1 ;; esac
          case $arg in *o) [ $# -gt 0 ] && shift ;; esac
          continue
          ;;
      esac
    fi
    if [ -z "$remote" ]; then
      remote=$arg
    else
      refspecs=$refspecs$arg$nl
    fi
  done

  if [ -n "$mirror" ]; then
    case $remote in
      '' | origin) block "git push --mirror overwrites and deletes every branch of ${remote:-the remote}." "$advise_push" ;;
    esac
  fi
  if [ -n "$every" ]; then
    [ -n "$force" ] && block "a forced push of all branches overwrites the main branch too." "$advise_push"
    return 0
  fi

  branch=$(current_branch)
  if [ -z "$refspecs" ]; then
    [ -n "$force" ] && [ -z "$tags" ] || return 0
    target=$branch
    case $(g config push.default) in
      matching) block "a forced push with push.default=matching overwrites every branch of that name, main included." "$advise_push" ;;
      upstream | tracking)
        merge=$(g config "branch.$branch.merge")
        [ -n "$merge" ] && target=${merge#refs/heads/}
        ;;
    esac
    [ -n "$remote" ] || remote=$(remote_of "$branch")
    is_protected "$target" "$remote" &&
      block "a forced push would overwrite '$target' on $remote (it is the current branch)." "$advise_push"
    return 0
  fi

  while IFS= read -r refspec; do
    forced=$force
    case $refspec in
      '') continue ;;
      +*) forced=1; refspec=${refspec#+} ;;
    esac
    case $refspec in
      :) [ -n "$forced" ] && block "a forced push of all matching branches overwrites the main branch too." "$advise_push"
        continue ;;
      :*) removes=1 ;;
      *) removes=$delete ;;
    esac
    [ -n "$forced$removes" ] || continue
    target=${refspec##*:}
    target=${target#refs/heads/}
    case $target in
      HEAD | @ | *'git branch --show-current'* | *'git rev-parse --abbrev-ref HEAD'* | *'git symbolic-ref --short HEAD'*)
        target=$branch ;;
      '*') block "a forced push of every branch overwrites the main branch too." "$advise_push" ;;
    esac
    is_protected "$target" "$remote" || continue
    [ -n "$removes" ] && block "it would delete '$target' on $remote." "$advise_push"
    block "a forced push would overwrite '$target' on $remote." "$advise_push"
  done <<EOF
$refspecs
EOF
}

check_reset() {
  hard=
  for arg do
    case $arg in
      --) break ;;
      --hard) hard=1 ;;
    esac
  done
  [ -n "$hard" ] && [ -z "$saved" ] || return 0
  changes=$(g status --porcelain --untracked-files=no --ignore-submodules=dirty) || return 0
  [ -n "$changes" ] || return 0
  count=$(printf '%s\n' "$changes" | grep -c '')
  block "git reset --hard would throw away uncommitted changes in $count file(s)." \
    "Save them first: git stash push -u -m 'before reset', or commit them to a backup branch. To undo a commit and keep the changes use git reset --soft or --keep."
}

check_clean() {
  force= dirs= only_ignored=
  while [ $# -gt 0 ]; do
    arg=$1
    shift
    case $arg in
      --) break ;;
      --force) force=1 ;;
      --dry-run | --interactive) return 0 ;;
      -e | --exclude) [ $# -gt 0 ] && shift ;;
      --*) ;;
      -*)
        flags=${arg%%e*}
        case $flags in *[ni]*) return 0 ;; esac
        case $flags in *f*) force=1 ;; esac
        case $flags in *d*) dirs=1 ;; esac
        case $flags in *X*) only_ignored=1 ;; esac
        case $arg in *e) [ $# -gt 0 ] && shift ;; esac
        ;;
      *) set -- "$arg" "$@"; break ;;
    esac
  done
  [ -n "$force" ] && [ -z "$only_ignored$saved_untracked" ] || return 0
  # What git itself says it would delete; ignored files do not count.
  doomed=$(g clean -n ${dirs:+-d} -- "$@") || return 0
  doomed=$(printf '%s\n' "$doomed" | grep '^Would remove ') || return 0
  count=$(printf '%s\n' "$doomed" | grep -c '')
  block "git clean would delete $count untracked path(s) that git cannot bring back:$nl$(printf '%s\n' "$doomed" | sed -e 's/^Would remove /  /' -e '10q')" \
    "Look with git clean -n first, and save what matters: git stash push -u, or git add and commit. Delete single generated files by name instead."
}

check_amend() {
  amend=
  while [ $# -gt 0 ]; do
    case $1 in
      --) break ;;
      --amend) amend=1 ;;
      --dry-run) return 0 ;;
      --message | --file | --author | --date | --fixup | --squash | --cleanup | --trailer | --template | --reuse-message | --reedit-message)
        [ $# -gt 1 ] && shift ;;
      --all) add_tracked=1 ;;
      --*) ;;
      -*)
        flags=${1%%[mFCct]*}
        case $flags in *a*) add_tracked=1 ;; esac
        case $1 in *[mFCct]) [ $# -gt 1 ] && shift ;; esac
        ;;
    esac
    shift
  done
  if [ -n "$amend" ] && [ -z "$committed" ]; then
    branch=$(current_branch)
    if is_protected "$branch" "$(remote_of "$branch")"; then
      upstream=$(tracking_ref "$branch")
      [ -n "$upstream" ] && g merge-base --is-ancestor "refs/heads/$branch" "$upstream" &&
        block "git commit --amend would rewrite a commit of '$branch' that is already pushed." "$advise_history"
    fi
  fi
  # What a later command of the same line may rely on.
  committed=1
  [ -n "$add_tracked$add_all" ] && saved=1
  [ -n "$add_all" ] && saved_untracked=1
  return 0
}

check_rebase() {
  base= branch= root=
  while [ $# -gt 0 ]; do
    case $1 in
      --abort | --continue | --skip | --quit | --edit-todo | --show-current-patch) return 0 ;;
      --root) root=1 ;;
      --onto | --exec | --strategy | --strategy-option | --empty | --whitespace | -x | -s | -X | -C)
        [ $# -gt 1 ] && shift ;;
      -*) ;;
      *)
        if [ -z "$base" ] && [ -z "$root" ]; then base=$1
        elif [ -z "$branch" ]; then branch=$1; fi
        ;;
    esac
    shift
  done
  [ -n "$base$root" ] || return 0
  branch=${branch#refs/heads/}
  [ -n "$branch" ] || branch=$(current_branch)
  is_protected "$branch" "$(remote_of "$branch")" || return 0
  upstream=$(tracking_ref "$branch")
  [ -n "$upstream" ] || return 0
  pushed=$(g merge-base "refs/heads/$branch" "$upstream")
  [ -n "$pushed" ] || return 0
  if [ -n "$base" ]; then
    base=$(g rev-parse --verify --quiet "$base^{commit}")
    [ -n "$base" ] || return 0
    count=$(g rev-list --count "$pushed" "^$base")
    case $count in '' | 0) return 0 ;; esac
  fi
  block "git rebase would rewrite ${count:-all} commit(s) of '$branch' that are already pushed." "$advise_history"
}

check_filter() { # TOOL ARGS...
  tool=$1
  shift
  branch=$(current_branch)
  hits=
  [ "$tool" = filter-repo ] && hits=$branch
  is_protected "$branch" "$(remote_of "$branch")" && hits=$branch
  while [ $# -gt 0 ]; do
    case $1 in
      --analyze | --dry-run | --help | -h) return 0 ;;
      --refs) return 0 ;;
      --all | --branches) hits=$branch ;;
      main | master | refs/heads/main | refs/heads/master) hits=$1 ;;
    esac
    shift
  done
  [ -n "$hits" ] || return 0
  for name in $(g for-each-ref --format='%(refname)' refs/remotes); do
    name=${name#refs/remotes/}
    is_protected "${name#*/}" "${name%%/*}" &&
      block "git $tool would rewrite history that is already pushed ($name)." "$advise_history"
  done
  return 0
}

# Later commands of one line see what earlier ones did.
note_stash() {
  action=push ok=1 untracked=
  case $1 in
    push | save) action=$1; shift ;;
    '' | -*) ;;
    pop | apply) saved= saved_untracked=; return 0 ;;
    *) return 0 ;;
  esac
  while [ $# -gt 0 ]; do
    case $1 in
      -m | --message) [ $# -gt 1 ] && shift ;;
      --include-untracked | --all | -u | -a) untracked=1 ;;
      -p | --patch | -S | --staged | --) ok= ;;
      -*) ;;
      *) [ "$action" = save ] || ok= ;;
    esac
    shift
  done
  [ -n "$ok" ] || return 0
  saved=1
  [ -n "$untracked" ] && saved_untracked=1
  return 0
}

note_add() {
  for arg do
    case $arg in
      -A | --all | .) add_all=1 ;;
      -u | --update) add_tracked=1 ;;
    esac
  done
  return 0
}

note_switch() {
  while [ $# -gt 0 ]; do
    case $1 in
      --) return 0 ;;
      -b | -B | -c | -C | --create | --force-create | --orphan)
        [ $# -gt 1 ] && switched=$2
        return 0
        ;;
      -*) ;;
      *)
        g show-ref --verify --quiet "refs/heads/$1" && switched=$1
        return 0
        ;;
    esac
    shift
  done
  return 0
}

# ---- commands -------------------------------------------------------------

check_git() {
  shift
  gdir=$dir
  while [ $# -gt 0 ]; do
    case $1 in
      -C) gdir=$(join_dir "$gdir" "$2"); shift 2 ;;
      -c | --namespace | --config-env) shift 2 ;;
      --git-dir | --work-tree) gdir=; shift 2 ;;
      --git-dir=* | --work-tree=*) gdir=; shift ;;
      -*) shift ;;
      *) break ;;
    esac
  done
  [ $# -gt 0 ] || return 0
  sub=$1
  shift
  # Asking for help changes nothing.
  case $1 in -h | --help) return 0 ;; esac
  case $sub in
    push) check_push "$@" ;;
    reset) check_reset "$@" ;;
    clean) check_clean "$@" ;;
    commit) check_amend "$@" ;;
    rebase) check_rebase "$@" ;;
    filter-branch | filter-repo) check_filter "$sub" "$@" ;;
    stash) note_stash "$@" ;;
    add) note_add "$@" ;;
    checkout | switch) note_switch "$@" ;;
  esac
}

# One simple command, as words with the quotes already removed.
inspect() {
  while [ $# -gt 0 ]; do
    case $1 in
      [A-Za-z_]*=*) shift ;;
      if | then | elif | else | do | while | until | '!' | '{' | '}' | time | command | exec | builtin | sudo | env | nohup | nice)
        shift
        while [ $# -gt 0 ]; do
          case $1 in -*) shift ;; *) break ;; esac
        done
        ;;
      timeout)
        shift
        while [ $# -gt 0 ]; do
          case $1 in -* | [0-9]*) shift ;; *) break ;; esac
        done
        ;;
      *) break ;;
    esac
  done
  [ $# -gt 0 ] || return 0
  case $1 in
    git | */git | git.exe | */git.exe) check_git "$@" ;;
    cd | pushd)
      shift
      while [ $# -gt 0 ]; do
        case $1 in -?*) shift ;; *) break ;; esac
      done
      dir=$(join_dir "$dir" "${1:-$HOME}")
      ;;
    eval) shift; nested "$*" ;;
    sh | bash | dash | zsh | ksh | */sh | */bash | */dash | */zsh)
      while [ $# -gt 1 ]; do
        shift
        case $1 in
          --*) ;;
          -*c) [ $# -gt 1 ] && nested "$2"; return 0 ;;
          -*) ;;
          *) return 0 ;;
        esac
      done
      ;;
  esac
}

# Checks the text of a nested command without disturbing the outer lexer.
nested() {
  ( lex "$1" )
  [ $? -eq $BLOCKED ] && exit $BLOCKED
  return 0
}

# Splits shell text into simple commands and inspects each of them. sed cuts the
# text into runs of plain characters and single special ones; the loop is the
# state machine over those pieces.
lex() {
  pieces=$(printf '%s\n' "$1" |
    sed -e ':a' -e '$!{' -e 'N' -e 'ba' -e '}' -e "y/\n/$mark/" -e 's/&>/>/g' \
      -e "s/[$special]/\\$nl&\\$nl/g")
  state= resume= escaped= dollar= depth=0 inner= word= inword= redirect= skip= outer=
  set --
  IFS=$nl
  for piece in $pieces; do
    IFS=$default_ifs

    # Inside quotes, comments and substitutions.
    if [ -n "$escaped" ]; then
      escaped=
      [ "$piece" = "$mark" ] || word=$word$piece inword=1
      continue
    fi
    case $state in
      single)
        if [ "$piece" = "'" ]; then state=; else word=$word$piece; fi
        continue
        ;;
      comment)
        [ "$piece" = "$mark" ] || continue
        state=
        ;;
      substitution)
        case $piece in
          '(') depth=$((depth + 1)) ;;
          ')') depth=$((depth - 1)) ;;
          "$mark") piece=$nl ;;
        esac
        if [ $depth -eq 0 ]; then
          nested "$inner"
          word="$word($inner)" state=$resume
        else
          inner=$inner$piece
        fi
        continue
        ;;
      backquote)
        case $piece in
          '`')
            nested "$inner"
            word="$word\$($inner)" state=
            ;;
          "$mark") inner=$inner$nl ;;
          *) inner=$inner$piece ;;
        esac
        continue
        ;;
    esac
    if [ -n "$dollar" ] && [ "$piece" = '(' ]; then
      dollar= resume=$state state=substitution depth=1 inner=
      continue
    fi
    dollar=
    if [ "$state" = double ]; then
      case $piece in
        '"') state= ;;
        '\') escaped=1 ;;
        '$') word="$word\$" dollar=1 ;;
        *) word=$word$piece ;;
      esac
      continue
    fi

    # Outside quotes.
    if [ -n "$redirect" ]; then
      case $piece in
        '<' | '>' | '&' | '|' | ' ' | "$tab") continue ;;
        *) redirect= ;;
      esac
    fi
    end_word= end_command= after=
    case $piece in
      ' ' | "$tab") end_word=1 ;;
      "$mark" | ';' | '&' | '|') end_word=1 end_command=1 ;;
      '(') end_word=1 end_command=1 after=enter ;;
      ')') end_word=1 end_command=1 after=leave ;;
      '<' | '>')
        # A file descriptor before it is no argument, nor is the word after.
        case $word in *[!0-9]*) end_word=1 ;; *) word= inword= ;; esac
        redirect=1 after=skip
        ;;
      "'") state=single inword=1 ;;
      '"') state=double inword=1 ;;
      '`') state=backquote inword=1 inner= ;;
      '\') escaped=1 ;;
      '$') word="$word\$" inword=1 dollar=1 ;;
      '#') if [ -n "$inword" ]; then word="$word#"; else state=comment; fi ;;
      *) word=$word$piece inword=1 ;;
    esac
    if [ -n "$end_word" ] && [ -n "$inword" ]; then
      [ -n "$skip" ] || set -- "$@" "$word"
      word= inword= skip=
    fi
    if [ -n "$end_command" ]; then
      inspect "$@"
      set --
      skip=
    fi
    case $after in
      skip) skip=1 ;;
      enter) outer=$dir$nl$outer ;;
      leave)
        case $outer in
          *"$nl"*) dir=${outer%%"$nl"*} outer=${outer#*"$nl"} ;;
        esac
        ;;
    esac
  done
  IFS=$default_ifs
  case $state in
    '' | comment) ;;
    *) return 0 ;; # an unclosed quote: the shell refuses this too
  esac
  [ -n "$inword" ] && [ -z "$skip" ] && set -- "$@" "$word"
  inspect "$@"
  return 0
}

main() {
  # JSON on one line: a newline inside a JSON string is always escaped.
  input=$(sed -e ':a' -e '$!{' -e 'N' -e 'ba' -e '}' -e "s/\\n/ /g")
  case $input in
    *git*push* | *git*reset* | *git*clean* | *git*amend* | *git*rebase* | *git*filter-*) ;;
    *) exit 0 ;;
  esac
  printf '%s\n' "$input" | grep -q '"tool_name"[[:space:]]*:[[:space:]]*"Bash"' || exit 0
  dir=$(json_string '"cwd"')
  [ -n "$dir" ] || dir=.
  text=$(json_string '"tool_input"[[:space:]]*:[[:space:]]*{.*"command"')
  [ -n "$text" ] || exit 0
  text=$(strip_heredocs <<EOF
$text
EOF
)
  [ ${#text} -le $MAX_LENGTH ] || exit 0
  switched= saved= saved_untracked= committed= add_all= add_tracked=
  lex "$text"
  exit 0
}

# In a subshell, so that an error of this script itself never blocks anything.
( main )
[ $? -eq $BLOCKED ] && exit 2
exit 0
