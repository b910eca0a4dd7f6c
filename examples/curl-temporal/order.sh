#!/bin/sh
# An order by Temporal's HTTP API: start it, ask to cancel, accept, read where it stands.
#   recourse policy payload resolution_center > policy.json
#   ./order.sh 1001 policy.json
set -eu
order=$1 policy=$2
workflow="${TEMPORAL_HTTP:-http://localhost:7243}/api/v1/namespaces/${TEMPORAL_NAMESPACE:-default}/workflows/order-$order"
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
post() { curl -sS --fail-with-body -H 'Content-Type: application/json' --data-binary @- "$workflow$1"; echo; }

# 409 says that it has been started before.
post '' <<END
{"workflowType": {"name": "Order"},
 "taskQueue": {"name": "${RECOURSE_TASK_QUEUE:-recourse}"},
 "workflowIdReusePolicy": "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE",
 "input": [{
   "terms": {"order_id": "$order", "client": "c-3", "freelancer": "f-7", "currency": "USD", "price": 10000,
             "service_fee": 550, "ordered_at": "$(date -u +%FT%TZ)", "delivery_time": "5d"},
   "policy": $(cat "$policy"),
   "record_salt": "$(random)"}]}
END

# The update's own id must be new each time: what makes a repetition safe is the command_id in the payload.
give() {
  post "/update/$1" <<END
{"waitPolicy": {"lifecycleStage": "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED"},
 "request": {"meta": {"updateId": "$(random)"}, "input": {"args": [$2]}}}
END
}
client='"actor": {"role": "client", "id": "c-3"}'
freelancer='"actor": {"role": "freelancer", "id": "f-7"}'

give request "{$client, \"command_id\": \"web-1\", \"kind\": \"cancel\", \"comment\": \"We stopped the campaign.\"}"
give request "{$client, \"command_id\": \"web-1\", \"kind\": \"cancel\", \"comment\": \"We stopped the campaign.\"}"
give accept "{$client, \"command_id\": \"web-2\"}" # refused: nobody accepts their own request
give accept "{$freelancer, \"command_id\": \"app-1\"}"

post /query/page <<END
{}
END
