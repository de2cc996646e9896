#!/bin/sh
# Manual mode: every tool call waits until somebody decides.
set -eu
BASE_URL=${SIGMIC_BASE_URL:-http://127.0.0.1:8080}
AUTH="Authorization: Bearer $SIGMIC_API_KEY"

created=$(curl -fsS "$BASE_URL/api/v1/tasks" -H "$AUTH" -F message="List the files here." -F autoExecute=false)
id=$(echo "$created" | sed 's/.*"id":"\([^"]*\)".*/\1/')

# Poll until a call waits (or read it from the stream: a `tool_call` with status `awaiting_approval`).
while :; do
  task=$(curl -fsS "$BASE_URL/api/v1/tasks/$id" -H "$AUTH")
  case $task in *'"pendingApprovals":'*) break ;; esac
done
call=$(echo "$task" | sed 's/.*"pendingApprovals":\[{"callId":"\([^"]*\)".*/\1/')

curl -fsS "$BASE_URL/api/v1/tasks/$id/tools/$call/approve" -H "$AUTH" \
  -H "Content-Type: application/json" -d '{"outcome":"proceed_once"}'
echo
curl -fsSN "$BASE_URL/api/v1/tasks/$id/stream" -H "$AUTH"
