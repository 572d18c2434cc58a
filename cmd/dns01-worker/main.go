package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

// maxRequest is more than the largest Secret (1 MiB) takes, as JSON.
const maxRequest = 8 << 20

func main() {
	limit()
	// Some providers print. Only the answer goes to the parent.
	out := os.Stdout
	os.Stdout = os.Stderr
	request, err := read(os.Stdin)
	answer := wire.Answer{Class: wire.ClassConfig}
	if err != nil {
		answer.Message = err.Error() // says nothing of what was read
	} else {
		answer = serve(request)
	}
	if err := json.NewEncoder(out).Encode(answer); err != nil {
		os.Exit(1)
	}
}

func read(from io.Reader) (wire.Request, error) {
	var request wire.Request
	decoder := json.NewDecoder(io.LimitReader(from, maxRequest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, fmt.Errorf("the request on the standard input can not be read")
	}
	return request, nil
}

// serve does the operation within its time. Not all of lego's providers end
// when their context does, so the operation is left behind when time is up: the
// process ends then.
func serve(request wire.Request) wire.Answer {
	timeout := time.Duration(request.Timeout) * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	done := make(chan wire.Answer, 1)
	go func() { done <- operate(ctx, request) }()
	select {
	case answer := <-done:
		return answer
	case <-ctx.Done():
		return wire.Answer{Class: wire.ClassTimeout, Message: fmt.Sprintf("no answer of the provider within %v", timeout)}
	}
}
