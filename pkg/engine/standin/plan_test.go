package standin_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/standin"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// --dry-run prints what would be made, and makes nothing. No text of the container is a line of its own.
func TestPrintedPlan(t *testing.T) {
	s := &simulated{}
	p, err := standin.PlanContainer(t.Context(), s, "web", standin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.LeftOut = append(p.LeftOut, "/x\nrun as root\x1b[2J")
	var text, doc strings.Builder
	r := &request.Request{DryRun: request.OutputText, Command: []string{"cat", "a b"}, Via: "engine: why"}
	r.Profile = request.ProfileNet
	if err := p.Print(&text, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"run cat 'a b' in a copy of container \"web\"\nvia engine: why\n\ncopy\n", "\n  of           a container that is exited, with its changes (12.3MB)\n",
		"\n  user         app\n", "\n  cap-add      NET_ADMIN\n", "\n  profile      net", "\n  /files       bind mount of /srv/files, read-only\n",
		"\n  /tmpfs       an empty tmpfs\n", "\n  left out     --privileged\n", "\n   1. commit web to an image, without a pause\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "\nrun as") || strings.Contains(text.String(), "\x1b") {
		t.Errorf("%q", text.String())
	}
	r.DryRun = request.OutputJSON
	var decoded struct {
		Target string
		Copy   struct {
			Of      string
			Mounts  []struct{ Target string }
			LeftOut []string
		}
		Steps []string
	}
	if err := errors.Join(p.Print(&doc, r), json.Unmarshal([]byte(doc.String()), &decoded)); err != nil {
		t.Fatal(err)
	}
	if decoded.Target != "web" || decoded.Copy.Of != "container" || len(decoded.Copy.Mounts) == 0 || len(decoded.Copy.LeftOut) != len(p.LeftOut) || len(decoded.Steps) == 0 {
		t.Errorf("%+v", decoded)
	}
	if slices.ContainsFunc(s.done, func(what string) bool { return what != "inspect" }) {
		t.Errorf("done: %q", s.done)
	}
}

func TestNoImage(t *testing.T) {
	s := &simulated{fails: "image nosuch"}
	_, err := standin.PlanImage(context.Background(), s, "nosuch", standin.Options{})
	if err == nil || !strings.Contains(err.Error(), "it failed") {
		t.Error(err)
	}
	// What cannot be a name is not asked for: engines differ in what they answer.
	s = &simulated{fails: "image uname -s"}
	if _, err := standin.PlanImage(t.Context(), s, "uname -s", standin.Options{}); !errors.Is(err, standin.ErrNoImage) || len(s.done) > 0 {
		t.Errorf("%v, done: %q", err, s.done)
	}
}

func TestCrashLoops(t *testing.T) {
	at := func(ago time.Duration, restarts int) container.InspectResponse {
		return container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{
			RestartCount: restarts, State: &container.State{StartedAt: time.Now().Add(-ago).Format(time.RFC3339Nano)},
		}}
	}
	if !standin.CrashLoops(at(time.Second, 3)) {
		t.Error("one that was just restarted")
	}
	for name, c := range map[string]container.InspectResponse{
		"one that was just started": at(time.Second, 0), "one that runs again": at(time.Minute, 3), "none": {},
	} {
		if standin.CrashLoops(c) {
			t.Error(name)
		}
	}
}

func TestFirstRun(t *testing.T) {
	at := func(ago time.Duration, restarts int, policy container.RestartPolicyMode) container.InspectResponse {
		return container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{
			RestartCount: restarts, State: &container.State{StartedAt: time.Now().Add(-ago).Format(time.RFC3339Nano)},
			HostConfig: &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: policy}},
		}}
	}
	for name, c := range map[string]container.InspectResponse{
		"just now": at(0, 0, container.RestartPolicyAlways), "in a moment": at(-time.Second, 0, container.RestartPolicyOnFailure),
	} {
		if wait := standin.FirstRun(c); wait < time.Second || wait > 2*time.Second {
			t.Errorf("started %s: %s", name, wait)
		}
	}
	paused := at(0, 0, container.RestartPolicyAlways)
	paused.State.Paused = true
	for name, c := range map[string]container.InspectResponse{
		"in the future": at(-time.Hour, 0, container.RestartPolicyAlways), "and is paused": paused,
		"without a policy": at(0, 0, ""), "with the policy no": at(0, 0, container.RestartPolicyDisabled),
		"after a restart": at(0, 1, container.RestartPolicyAlways), "long ago": at(time.Minute, 0, container.RestartPolicyAlways), "none": {},
	} {
		if wait := standin.FirstRun(c); wait != 0 {
			t.Errorf("started %s: %s", name, wait)
		}
	}
}
