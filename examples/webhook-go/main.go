// Receives notices in Go, and takes only genuine ones.
//
//	RECOURSE_WEBHOOK_SECRET=whsec_... go run .
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type notice struct {
	Type string // such as request_opened; take no notice of those that you don't know
	Data struct {
		To       string // client, freelancer or operator
		OrderID  string `json:"order_id"`
		Deadline *string
		Answers  []string
	}
}

type receiver struct {
	webhook *standardwebhooks.Webhook
	lock    sync.Mutex
	taken   map[string]bool // in earnest: a unique column of your database
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, 1<<20))
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	// The signature is over the bytes as they came.
	if err := r.webhook.Verify(body, request.Header); err != nil {
		http.Error(w, "not genuine", http.StatusUnauthorized)
		return
	}
	var told notice
	if err := json.Unmarshal(body, &told); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	// A notice is sent again until it was answered with 2xx, so it may come twice.
	if id := request.Header.Get("webhook-id"); !r.taken[id] {
		take(told)
		r.taken[id] = true
	}
	w.WriteHeader(http.StatusNoContent)
}

func take(told notice) {
	answers := cmp.Or(strings.Join(told.Data.Answers, ", "), "-")
	fmt.Printf("%s for the %s of order %s; may answer: %s\n", told.Type, told.Data.To, told.Data.OrderID, answers)
}

func main() {
	webhook, err := standardwebhooks.NewWebhook(os.Getenv("RECOURSE_WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "9000"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Listening.")
	log.Fatal(http.Serve(listener, &receiver{webhook: webhook, taken: map[string]bool{}}))
}
