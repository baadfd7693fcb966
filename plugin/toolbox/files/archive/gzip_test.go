package archive

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// A target that another user swaps for a link while gzip writes does not lead elsewhere.
func TestGzipChangesNoSwappedFile(t *testing.T) {
	path, check := tooltest.Victim(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("log", []byte("text"), 0o666); err != nil { //nolint:gosec // the mode that gzip keeps
		t.Fatal(err)
	}
	in, err := os.Open("log")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	err = replace(tool.Input{Reader: in, Name: "log", File: in}, "log.gz", false, func(io.Reader, io.Writer) error {
		return errors.Join(os.Remove("log.gz"), os.Symlink(path, "log.gz"))
	})
	if err != nil {
		t.Error(err)
	}
	check()
}

func TestGzipReplacesALink(t *testing.T) {
	tooltest.Tree(t, "f", "keep")
	if err := os.Symlink("keep", "f.gz"); err != nil {
		t.Fatal(err)
	}
	if _, status := tooltest.Call(t, "", Gzip, "-f", "f"); status != 0 {
		t.Errorf("status %d", status)
	}
	if text, err := os.ReadFile("keep"); string(text) != "keep" || err != nil || tooltest.Left() != "f.gz keep" {
		t.Errorf("it has %q, %v, left is %q", text, err, tooltest.Left())
	}
}
