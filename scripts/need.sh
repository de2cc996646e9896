#!/usr/bin/env bash
# Installs the Debian packages of what is missing, and says so.
# Usage: need.sh WHAT=PACKAGE…  where WHAT is a command, a path that may hold a `*`, or `import:MODULE`
# for a module of python3.
set -euo pipefail

missing=()
for pair in "$@"; do
  what=${pair%%=*}
  if [[ $what == /* ]]; then
    compgen -G "$what" >/dev/null && continue
  elif [[ $what == import:* ]]; then
    python3 -c "import ${what#import:}" 2>/dev/null && continue
  else
    command -v "$what" >/dev/null && continue
  fi
  missing+=("${pair#*=}")
done

if ((${#missing[@]} > 0)); then
  root=()
  ((EUID == 0)) || root=(sudo)
  if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! command -v sudo >/dev/null; }; then
    echo "Please install: ${missing[*]}" >&2
    exit 1
  fi
  echo "Installing from Debian: ${missing[*]}"
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

if ! command -v cargo >/dev/null; then
  echo "Rust is missing: see https://rustup.rs" >&2
  exit 1
fi
