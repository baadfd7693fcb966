package remove

import (
	"os"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// rm --one-file-system leaves what is on another file system, and the directories above it.
func TestRmStaysOnOneFileSystem(t *testing.T) {
	tooltest.Tree(t, "d/", "d/x")
	r := &remover{oneSystem: true}
	s, err := walk.Argument("d").Stat(false)
	if err != nil {
		t.Fatal(err)
	}
	s.Dev++
	if r.tree(walk.Argument("d"), walk.Identity(&s)) || r.status != 1 || tooltest.Left() != "d d/x" {
		t.Errorf("left is %q, status %d", tooltest.Left(), r.status)
	}
}

func TestRmFollowsNoLinkWithASlash(t *testing.T) {
	for _, args := range []string{"-r link/", "-rf link/", "-rv link//", "-r --one-file-system link/", "link/", "-d link/"} {
		tooltest.Tree(t, "d/", "d/f")
		if err := os.Symlink("d", "link"); err != nil {
			t.Fatal(err)
		}
		if _, status := tooltest.Call(t, "", Rm, strings.Fields(args)...); tooltest.Left() != "d d/f link" || status != 1 {
			t.Errorf("rm %s: left is %q, status %d", args, tooltest.Left(), status)
		}
	}
	tooltest.Tree(t, "d/", "d/f")
	if _, status := tooltest.Call(t, "", Rm, "-rv", "d/"); tooltest.Left() != "" || status != 0 {
		t.Errorf("left is %q, status %d", tooltest.Left(), status)
	}
}
