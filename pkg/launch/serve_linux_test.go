package launch

import (
	"os/exec"
	"testing"
)

// A helper that has reported its error and that does not end is left: its error is returned.
func TestServerThatDoesNotEnd(t *testing.T) {
	s := &Server{cmd: exec.Command("sh", "-c", "echo 'docker nsjoin: warning: a' >&2; echo 'docker nsjoin: no answer' >&2; exec sleep 600"), errors: newRelay("")}
	s.cmd.Stderr = &s.errors
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := s.Wait()
	if err == nil || err.Error() != "no answer" {
		t.Error(err)
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Errorf("it was waited for: %v", err)
	}
}
