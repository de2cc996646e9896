#!/bin/sh
# Create a task, follow its stream, send a follow-up.
set -eu
BASE_URL=${SIGMIC_BASE_URL:-http://127.0.0.1:8080}
AUTH="Authorization: Bearer $SIGMIC_API_KEY"

# 1. Create.
created=$(curl -fsS "$BASE_URL/api/v1/tasks" -H "$AUTH" -F message="What is 12 plus 30?")
echo "$created"
id=$(echo "$created" | sed 's/.*"id":"\([^"]*\)".*/\1/')

# 2. Follow. -N: print each event as it comes.
curl -fsSN "$BASE_URL/api/v1/tasks/$id/stream" -H "$AUTH"

# 3. Go on where it ended, and follow again.
curl -fsS "$BASE_URL/api/v1/tasks/$id/messages" -H "$AUTH" \
  -H "Content-Type: application/json" -d '{"message":"Multiply that by 10."}'
echo
curl -fsSN "$BASE_URL/api/v1/tasks/$id/stream" -H "$AUTH"
