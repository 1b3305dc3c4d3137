# Sourced by scripts/download_pretrained_*.sh: brings a file, continues what was interrupted, checks.
#
#   fetch_weights URL CHECKSUMS FOLDER     CHECKSUMS: one or several, between blanks, of md5:HEX,
#                                          sha256:HEX (or its first digits), none
#
# Where the authors published no sha256, the one of what came is printed, to be given the next time.
# Leaves the file's path in $file, and whether it was there before in $there ("yes" or "").
set -euo pipefail

matches() {
  local found checksum
  for checksum in $2; do
    [[ "$checksum" == none ]] && continue
    found="$("${checksum%%:*}sum" <"$1")"
    [[ "$found" == "${checksum#*:}"* ]] || return 1
  done
}

fetch() {
  curl --proto '=https,file' --proto-redir '=https' --fail --location --show-error --retry 3 --continue-at - --output "$file.part" "$1"
}

fetch_or_restart() {
  local status=0
  fetch "$1" || status=$?
  case $status in
    0) ;;
    22 | 33 | 36) rm -f "$file.part" && fetch "$1" ;; # what was begun cannot be continued
    *) return "$status" ;;
  esac
}

fetch_weights() {
  local url="$1" checksum="$2" folder="$3"
  file="$folder/${url##*/}" there=""
  mkdir -p "$folder"
  if [[ -f "$file" ]] && matches "$file" "$checksum"; then
    there=yes
    return
  fi
  # Without a checksum nothing says that what was begun is whole.
  if ! { [[ "$checksum" != none && -f "$file.part" ]] && matches "$file.part" "$checksum"; } &&
    ! fetch_or_restart "$url"; then
    echo "error: $url could not be fetched (https only); run this again to continue, or put the" \
      "file at $file" >&2
    exit 1
  fi
  if ! matches "$file.part" "$checksum"; then
    echo "error: what $url holds has another ${checksum%%:*} than ${checksum#*:}; nothing was kept" >&2
    rm -f "$file.part"
    exit 1
  fi
  mv "$file.part" "$file"
}

# The whole of a script that brings one file: URL CHECKSUM FOLDER, then prints the path.
bring_weights() {
  fetch_weights "$@"
  echo "sha256 $(sha256sum <"$file" | cut -d ' ' -f 1)" >&2
  echo "$file${there:+ (already there)}"
}
