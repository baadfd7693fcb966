package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

type eventer struct {
	asked    events.ListOptions
	messages chan events.Message
	failed   chan error
}

func (e *eventer) Events(_ context.Context, options events.ListOptions) (<-chan events.Message, <-chan error) {
	e.asked = options
	return e.messages, e.failed
}

func TestChangesCoalescesEvents(t *testing.T) {
	e := &eventer{messages: make(chan events.Message), failed: make(chan error)}
	changes := engine.Changes(t.Context(), e)
	for range 10 {
		e.messages <- events.Message{} // received although nothing reads changes
	}
	e.failed <- errors.New("the engine is gone")
	select {
	case <-changes:
	case <-time.After(time.Minute):
		t.Fatal("no change is sent")
	}
	select {
	case <-changes:
		t.Error("the events are not sent as one change")
	default:
	}
	if !e.asked.Filters.ExactMatch("type", "container") || e.asked.Filters.Contains("exec_create") ||
		!e.asked.Filters.ExactMatch("event", "die") || e.asked.Filters.ExactMatch("event", "exec_create") {
		t.Errorf("asked for %v", e.asked.Filters)
	}
}
