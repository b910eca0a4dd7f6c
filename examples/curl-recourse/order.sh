#!/bin/sh
# An order by the HTTP API of Recourse: start it, ask to cancel, accept, read where it stands.
#   recourse serve --port 8000 &
#   ./order.sh 1001
set -eu
order=$1
api=${RECOURSE_API:-http://localhost:8000}
call() { # TOKEN METHOD PATH [BODY] [COMMAND_ID]
  curl -sS -X "$2" "$api$3" -H "Authorization: Bearer $1" -H 'Content-Type: application/json' \
    ${5:+-H "Idempotency-Key: $5"} ${4:+--data-binary "$4"}
  echo
}
# Your backend signs such tokens itself, with any JWT library.
shop=$(recourse token service:shop) client=$(recourse token client:c-3) freelancer=$(recourse token freelancer:f-7)

call "$shop" POST /orders "{\"policy\": \"resolution_center\", \"terms\": {
  \"order_id\": \"$order\", \"client\": \"c-3\", \"freelancer\": \"f-7\", \"currency\": \"USD\", \"price\": 10000,
  \"service_fee\": 550, \"ordered_at\": \"$(date -u +%FT%TZ)\", \"delivery_time\": \"5d\"}}"

cancel='{"kind": "cancel", "comment": "We stopped the campaign."}'
call "$client" POST "/orders/$order/commands/request" "$cancel" web-1
call "$client" POST "/orders/$order/commands/request" "$cancel" web-1
call "$client" POST "/orders/$order/commands/accept" '{}' web-2 # refused: nobody accepts their own request
call "$freelancer" POST "/orders/$order/commands/accept" '{}' app-1

call "$client" GET "/orders/$order"
