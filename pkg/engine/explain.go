package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// explain describes an error of the engine about the container with this name.
func explain(err error, name string) error {
	if errdefs.IsNotFound(err) {
		return exit.Hint(&NoContainerError{Name: name}, "docker ps lists the running containers")
	}
	return ExplainAs(err, fmt.Sprintf("ask the engine for container %q", name), fmt.Sprintf("find container %q", name))
}

// NoContainerError says that the engine has no container with this name or ID, or, if Offline, that its files have none.
type NoContainerError struct {
	Name    string
	Offline bool
}

func (e *NoContainerError) Error() string {
	where := ""
	if e.Offline {
		where = " in the engine's files"
	}
	return fmt.Sprintf("no such container%s: %q", where, e.Name)
}

// explainList describes an error of the engine about a list of containers.
func explainList(err error) error {
	return ExplainAs(err, "ask the engine for its containers", "list containers")
}

// ExplainAs describes err as a failure of the request if the engine did not answer it, else of the action.
func ExplainAs(err error, request, action string) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: interrupted", request)
	}
	if known, ok := errors.AsType[*exit.Error](err); ok {
		return known // from Offline
	}
	if cause := connectionProblem(err); cause != nil {
		return exit.Hint(addSocketHint(fmt.Errorf("%s: %w", request, cause)), "docker context ls shows which engine is used")
	}
	return fmt.Errorf("%s: %s", action, Message(err))
}

// addSocketHint adds a hint to the error of a user who may not connect to the engine's socket.
func addSocketHint(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return exit.Hint(err, "this user may not use the engine's socket: use sudo, or add the user to the docker group")
}

// connectionProblem returns an error that says why there was no answer, or that the answer is not a Docker
// engine's. It returns nil if err is the engine's answer.
func connectionProblem(err error) error {
	if client.IsErrConnectionFailed(err) {
		return unreachableError{err}
	}
	_, notJSON := errors.AsType[*json.SyntaxError](err)
	_, otherJSON := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the engine's answer is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the engine's answer is incomplete")
	case notJSON || otherJSON:
		return fmt.Errorf("the answer is not a Docker engine's: %w", err)
	}
	return nil
}

// unreachableError is the client's error without the URL of its request.
type unreachableError struct{ error }

func (e unreachableError) Error() string {
	asked, ok := errors.AsType[*url.Error](e.error)
	switch {
	case !ok:
		return e.error.Error()
	case errors.Is(asked.Err, io.EOF):
		return "the engine closed the connection without an answer"
	}
	return asked.Err.Error()
}

func (e unreachableError) Unwrap() error { return e.error }

// Message returns the engine's own message.
func Message(err error) string {
	return strings.TrimPrefix(err.Error(), "Error response from daemon: ")
}

// Answered reports whether err is the engine's answer, and not that there was none.
func Answered(err error) bool {
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && connectionProblem(err) == nil
}
