#!/usr/bin/env bash
# Builds and starts the server on its defaults, runs one task through its API, and keeps serving.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/need.sh cc=gcc /usr/include/stdio.h=libc6-dev
cargo build --locked --package sigmic
sigmic=target/debug/sigmic

# The server's lines come through this script, so that it knows when the server is ready. Requests
# are not logged unless RUST_LOG says so: the task's stream is to be read here.
coproc SERVER { RUST_LOG=${RUST_LOG:-warn} exec "$sigmic" serve; }
server=$SERVER_PID
exec {lines}<&"${SERVER[0]}"
trap 'kill -TERM "$server" 2>/dev/null || true' INT TERM

ready=no
while [[ $ready == no ]] && IFS= read -r line <&"$lines"; do
  echo "$line"
  [[ $line != Ready ]] || ready=yes
done
if [[ $ready == no ]]; then
  wait "$server"
  exit
fi

task='Run the command `seq 1 1000 | sha256sum | tee downloads/checksum.txt`'
printf '\n$ sigmic run %s\n' "'$task'"
"$sigmic" run "$task" || echo "The sample task failed; the server goes on."

echo
echo "The server goes on; Ctrl-C stops it. The quickstart: docs/guide/quickstart.md"
while IFS= read -r line <&"$lines"; do
  echo "$line"
done
wait "$server"
