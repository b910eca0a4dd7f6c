// An order from Go: start it, ask to cancel, accept, read where it stands.
//
//	recourse policy payload resolution_center > policy.json
//	go run . 1001 policy.json
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

type object = map[string]any

type outcome struct {
	Status, Phase, Settlement string // status: applied or refused
	Code, Message             string // of a refusal: stable, so decide by it; and a sentence for people
	Repeated                  bool
}

type page struct {
	Phase      string
	Resolution struct{ How string }
	Money      struct{ Client, Freelancer, Platform, Held int64 }
}

func start(ctx context.Context, temporal client.Client, orderID string, policy json.RawMessage) error {
	opening := object{
		"terms": object{
			"order_id": orderID, "client": "c-3", "freelancer": "f-7",
			"currency": "USD", "price": 10000, "service_fee": 550, // minor units: 100.00 USD and 5.50
			"ordered_at": time.Now().UTC().Format(time.RFC3339), "delivery_time": "5d",
		},
		"policy":      policy,
		"record_salt": rand.Text(), // secret, another one for each order
	}
	_, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       "order-" + orderID,
		TaskQueue:                                cmp.Or(os.Getenv("RECOURSE_TASK_QUEUE"), "recourse"),
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, // an id is never used again
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, "Order", opening)
	if _, exists := err.(*serviceerror.WorkflowExecutionAlreadyStarted); exists {
		fmt.Println("The order had started before.")
		return nil
	}
	if err == nil {
		fmt.Println("The order has started.")
	}
	return err
}

// give sends one command and waits for its outcome. Sending the same command_id again is always safe: it gets the
// first answer and changes nothing.
func give(ctx context.Context, temporal client.Client, orderID, command string, fields object) (answer outcome) {
	handle, err := temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: "order-" + orderID, UpdateName: command, Args: []any{fields},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	check(err)
	check(handle.Get(ctx, &answer))
	fmt.Printf("%s by the %s: %s\n", command, fields["actor"].(object)["role"], answer)
	return answer
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: go run . ORDER_ID POLICY_JSON")
	}
	orderID := os.Args[1]
	policy, err := os.ReadFile(os.Args[2])
	check(err)
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	temporal, err := client.Dial(client.Options{HostPort: cmp.Or(os.Getenv("TEMPORAL_ADDRESS"), "localhost:7233")})
	check(err)
	defer temporal.Close()
	check(start(ctx, temporal, orderID, policy))

	buyer := object{"role": "client", "id": "c-3"}
	seller := object{"role": "freelancer", "id": "f-7"}
	cancel := object{"actor": buyer, "command_id": "web-1", "kind": "cancel", "comment": "We stopped the campaign."}
	give(ctx, temporal, orderID, "request", cancel)
	give(ctx, temporal, orderID, "request", cancel)
	give(ctx, temporal, orderID, "accept", object{"actor": buyer, "command_id": "web-2"}) // nobody accepts their own
	last := give(ctx, temporal, orderID, "accept", object{"actor": seller, "command_id": "app-1"})

	var now page
	answer, err := temporal.QueryWorkflow(ctx, "order-"+orderID, "", "page")
	check(err)
	check(answer.Get(&now))
	fmt.Printf("The order is %s (%s), its money %s.\n", now.Phase, now.Resolution.How, last.Settlement)
	fmt.Printf("client %d, freelancer %d, platform %d\n", now.Money.Client, now.Money.Freelancer, now.Money.Platform)
}

func (o outcome) String() string {
	said := "applied, " + o.Phase
	if o.Status != "applied" {
		said = "refused, " + o.Code
	}
	if o.Repeated {
		said += " (repeated)"
	}
	return said
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
