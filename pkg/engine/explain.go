package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// explain puts an error of the engine about a container into our words.
func explain(err error, name string) error {
	if errdefs.IsNotFound(err) {
		return exit.Hint(&NoContainerError{name}, "docker ps lists the running ones")
	}
	return explainAs(err, fmt.Sprintf("ask the engine for container %q", name), fmt.Sprintf("find container %q", name))
}

// NoContainerError says that the engine has no container of this name or ID.
type NoContainerError struct{ Name string }

func (e *NoContainerError) Error() string { return fmt.Sprintf("no such container: %q", e.Name) }

// explainList does for an error about all of them.
func explainList(err error) error {
	return explainAs(err, "ask the engine for its containers", "list containers")
}

func explainAs(err error, asking, finding string) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: interrupted", asking)
	}
	if known, ok := errors.AsType[*exit.Error](err); ok {
		return known // ours, of Offline
	}
	if cause := noEngine(err); cause != nil {
		return exit.Hint(fmt.Errorf("%s: %w", asking, cause), "docker context ls shows which engine is meant")
	}
	return fmt.Errorf("%s: %s", finding, itsWords(err))
}

// noEngine says what is wrong where there is no engine, or nothing that answers like
// one; nil where it has answered.
func noEngine(err error) error {
	if client.IsErrConnectionFailed(err) {
		return unreached{err}
	}
	_, notJSON := errors.AsType[*json.SyntaxError](err)
	_, otherJSON := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("its answer is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("its answer was cut off")
	case notJSON || otherJSON:
		return fmt.Errorf("what answers is no Docker engine: %w", err)
	}
	return nil
}

// unreached is the client's error that the engine can't be reached, without the
// address of the question, which the user didn't make.
type unreached struct{ error }

func (e unreached) Error() string {
	asked, ok := errors.AsType[*url.Error](e.error)
	switch {
	case !ok:
		return e.error.Error()
	case errors.Is(asked.Err, io.EOF):
		return "it hung up without an answer"
	}
	return asked.Err.Error()
}

func (e unreached) Unwrap() error { return e.error }

// itsWords is what the engine said.
func itsWords(err error) string {
	return strings.TrimPrefix(err.Error(), "Error response from daemon: ")
}
