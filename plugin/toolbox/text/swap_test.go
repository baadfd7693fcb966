package text_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/compare"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/grep"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// A directory that is swapped for a link at the moment when grep or diff goes into it does not lead elsewhere.
func TestSearchesFollowNoDirectoryThatIsSwapped(t *testing.T) {
	defer func() { walk.BeforeOpen = nil }()
	for _, row := range []struct {
		main func([]string) int
		args string
	}{{grep.Grep, "-r secret top"}, {grep.Grep, "-R secret top"}, {grep.Grep, "-rl . top"}, {compare.Diff, "-r top same"}, {compare.Diff, "-rN top same"}} {
		t.Chdir(t.TempDir())
		for _, dir := range []string{"top/d", "keep", "same/d"} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile("keep/f", []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		swapped := false
		walk.BeforeOpen = func(e walk.Entry) {
			if e.Path() == "top/d" {
				swapped = true
				if err := errors.Join(os.Rename("top/d", "moved"), os.Symlink("../keep", "top/d")); err != nil {
					t.Error(err)
				}
			}
		}
		printed, status := tooltest.Call(t, "", row.main, strings.Fields(row.args)...)
		if printed != "" || status != 2 || !swapped {
			t.Errorf("%s prints %q, status %d, swapped: %v", row.args, printed, status, swapped)
		}
	}
}
