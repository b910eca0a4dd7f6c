#!/bin/sh
# An order by Temporal's own command line: start it, ask to cancel, accept, read where it stands.
#   recourse policy payload resolution_center > policy.json
#   ./order.sh 1001 policy.json
set -eu
order=$1 policy=$2
salt=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

temporal workflow start --type Order --workflow-id "order-$order" --id-reuse-policy RejectDuplicate \
  --task-queue "${RECOURSE_TASK_QUEUE:-recourse}" --output json --input "{
    \"terms\": {\"order_id\": \"$order\", \"client\": \"c-3\", \"freelancer\": \"f-7\", \"currency\": \"USD\",
      \"price\": 10000, \"service_fee\": 550, \"ordered_at\": \"$(date -u +%FT%TZ)\", \"delivery_time\": \"5d\"},
    \"policy\": $(cat "$policy"),
    \"record_salt\": \"$salt\"}"

# An update waits for the outcome; `temporal workflow signal` takes the same and does not wait.
give() {
  temporal workflow update execute --workflow-id "order-$order" --name "$1" --input "$2" --output json
}
client='"actor": {"role": "client", "id": "c-3"}'
freelancer='"actor": {"role": "freelancer", "id": "f-7"}'

give request "{$client, \"command_id\": \"web-1\", \"kind\": \"cancel\", \"comment\": \"We stopped the campaign.\"}"
give request "{$client, \"command_id\": \"web-1\", \"kind\": \"cancel\", \"comment\": \"We stopped the campaign.\"}"
give accept "{$client, \"command_id\": \"web-2\"}" # refused: nobody accepts their own request
give accept "{$freelancer, \"command_id\": \"app-1\"}"

temporal workflow query --workflow-id "order-$order" --type page --output json
