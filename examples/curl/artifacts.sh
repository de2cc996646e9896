#!/bin/sh
# Send a file along, let the agent make another, list both, download the result.
set -eu
BASE_URL=${SIGMIC_BASE_URL:-http://127.0.0.1:8080}
AUTH="Authorization: Bearer $SIGMIC_API_KEY"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
printf 'item,price\npen,2\nbook,12\n' > "$work/prices.csv"

created=$(curl -fsS "$BASE_URL/api/v1/tasks" -H "$AUTH" -F files=@"$work/prices.csv" \
  -F message='Run the command `sort -t, -k2 -n -r uploads/prices.csv > downloads/sorted.csv`')
id=$(echo "$created" | sed 's/.*"id":"\([^"]*\)".*/\1/')
curl -fsSN "$BASE_URL/api/v1/tasks/$id/stream" -H "$AUTH" > /dev/null

curl -fsS "$BASE_URL/api/v1/tasks/$id/artifacts" -H "$AUTH" | python3 -m json.tool
curl -fsS -G "$BASE_URL/api/v1/tasks/$id/artifacts/download" -H "$AUTH" \
  --data-urlencode path=downloads/sorted.csv -o "$work/sorted.csv"
cat "$work/sorted.csv"
