package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

type list struct {
	containers []container.Summary
	err        error
}

func (l list) ContainerList(_ context.Context, options container.ListOptions) ([]container.Summary, error) {
	if options.All {
		return nil, errors.New("all are asked for")
	}
	return l.containers, l.err
}

func TestRunningAreThoseThatACommandCanBeRunIn(t *testing.T) {
	got, err := engine.Running(t.Context(), list{containers: []container.Summary{
		{Names: []string{"/web"}, State: "running"},
		{Names: []string{"/app/alias", "/db", "/cache/db"}, State: "running"},
		{Names: []string{"/paused"}, State: "paused"},
		{Names: []string{"/restarting"}, State: "restarting"},
		{State: "running"},
	}})
	if want := []string{"web", "db"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	broken := errors.New("broken")
	if got, err := engine.Running(t.Context(), list{err: broken}); !errors.Is(err, broken) || got != nil {
		t.Errorf("%q, %v; want %v", got, err, broken)
	}
}
