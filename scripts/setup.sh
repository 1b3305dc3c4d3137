#!/usr/bin/env bash
# Makes .venv from requirements.txt and checks the programs, dictionary and fonts that are not Python.
# Installs what is missing with apt where it may; otherwise prints the command and stops.
# Safe to repeat: a second run takes a second. PYTHON=/path/to/python3.12 chooses the interpreter.
#
#   scripts/setup.sh            installs requirements.txt
#   scripts/setup.sh --locked   installs requirements.lock: files with the sha256 noted there, or none
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "setup: $*" >&2
  exit 1
}

# Prints the first interpreter that TensorFlow 2.21 has wheels for. Runs each candidate, because a
# name on the PATH may be a pyenv shim without a Python behind it.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
      2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "found $("${PYTHON:-python3}" --version 2>&1 | head -n 1), need Python 3.11 to 3.13:" \
    "install one, or name it: PYTHON=/path/to/python3.11 $0"
}

install_locked() {
  .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps "$@"
}

install_python_packages() {
  local stamp=.venv/requirements.sha256 wanted python
  wanted=$(sha256sum "$requirements")
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && .venv/bin/python -c '' 2>/dev/null; then
    return
  fi
  python=$(find_python)
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python has no venv module: apt-get install python3-venv (Debian, Ubuntu), then try again"
  # Kept when it runs, so that new requirements do not download everything again.
  .venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv
  echo "setup: installing $requirements into .venv (1 GB to download, 3.3 GB on disk)"
  if [[ $requirements == requirements.lock ]]; then
    # What builds packages comes first, by its hash too: pip would bring it unchecked for each.
    sed -n '/^\(setuptools\|wheel\)==/,/[^\\]$/p' requirements.lock >.venv/build.lock
    install_locked --only-binary :all: -r .venv/build.lock
    install_locked --no-build-isolation -r requirements.lock
  else
    .venv/bin/python -m pip install -qq --disable-pip-version-check -r requirements.txt
  fi
  echo "$wanted" >"$stamp"
}

has_java() { java -version >/dev/null 2>&1; }
has_dictionary() {
  .venv/bin/python -c 'import enchant, sys; sys.exit(not enchant.dict_exists("en_US"))' 2>/dev/null
}
has_font() { [[ -n $(fc-list "$1" 2>/dev/null) ]]; }
has_chromium() {
  # Asks for the version: Ubuntu's chromium-browser may be a stub that only says "use snap".
  local program
  for program in chromium chromium-browser google-chrome; do
    "$program" --version >/dev/null 2>&1 && return
  done
  return 1
}

# Prints the Debian packages of everything that is missing.
missing_packages() {
  has_java || echo default-jre-headless                        # METEOR, PTB tokenizer
  has_dictionary || printf '%s\n' libenchant-2-2 hunspell-en-us # English filter
  has_chromium || echo chromium                                # figures
  has_font "Noto Color Emoji" || echo fonts-noto-color-emoji
  has_font "Noto Sans CJK KR" || echo fonts-noto-cjk
  command -v fc-list >/dev/null || echo fontconfig
}

# Prints how to call apt-get without a password, or nothing where that is not possible.
privileged_apt() {
  command -v apt-get >/dev/null || return 0
  if [[ $(id -u) == 0 ]]; then
    echo "env DEBIAN_FRONTEND=noninteractive apt-get"
  elif sudo -n true 2>/dev/null; then
    echo "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get"
  fi
}

install_system_packages() {
  local missing apt command
  missing=$(missing_packages | xargs)
  [[ -n $missing ]] || return 0
  command="apt-get update && apt-get install -y --no-install-recommends $missing"
  apt=$(privileged_apt)
  [[ -n $apt ]] || fail "missing: $missing. As root: $command" \
    "(names of Debian and Ubuntu), then try again"
  echo "setup: installing $missing"
  # shellcheck disable=SC2086  # both are lists of words
  { $apt update -qq && $apt install -qq -y --no-install-recommends $missing; } >/dev/null ||
    fail "apt-get failed. As root: $command"
  missing=$(missing_packages | xargs)
  [[ -z $missing ]] || fail "installed, but still not found: $missing"
}

requirements=requirements.txt
case "$*" in
  "") ;;
  --locked) requirements=requirements.lock ;;
  *) fail "found the arguments $*, expected none or --locked" ;;
esac
install_python_packages
install_system_packages
echo "setup: ready (.venv, Java, English dictionary, fonts, Chromium)"
