package exit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

func TestBriefKeepsTheHint(t *testing.T) {
	err := fmt.Errorf("listen on /s: %w", exit.Brief(exit.Hint(fmt.Errorf("bind /s: %w", fs.ErrExist), "look"), fs.ErrExist))
	if !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	var out bytes.Buffer
	exit.Name("p").Report(&out, exit.Hint(err, "another hint"))
	if want := "p: listen on /s: file already exists\nhint: look\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
