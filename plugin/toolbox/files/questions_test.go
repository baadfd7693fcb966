package files_test

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/find"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/remove"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/transfer"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

func TestQuestionsAreAsked(t *testing.T) {
	for _, row := range []struct {
		main   func([]string) int
		args   string
		input  string
		want   string // the files that are left
		status int
	}{
		{remove.Rm, "-i a b", "n\ny\n", "a d d/x d/y", 0},
		{remove.Rm, "-ri d", "y\nn\ny\n", "a b d d/x", 0}, // into d, x, y: d is not asked for
		{remove.Rm, "-ri d", "n\n", "a b d d/x d/y", 0},
		{remove.Rm, "-ri d", "y\ny\ny\ny\n", "a b", 0},
		{remove.Rm, "-ri d", "y\ny\ny\nn\n", "a b d", 0},
		{remove.Rm, "-r --one-file-system d", "", "a b", 0},
		{find.Find, "d -name x -ok rm {} ;", "n\n", "a b d d/x d/y", 0},
		{find.Find, "d -type f -ok rm {} ;", "n\ny\n", "a b d d/x", 0},
		{find.Find, "d -type f -okdir rm {} ;", "y\nn\n", "a b d d/y", 0},
		{find.Find, "d -ok rm {} +", "y\n", "a b d d/x d/y", 1},
		{transfer.Mv, "-i a b", "n\n", "a b d d/x d/y", 0},
		{transfer.Cp, "-i a b d/x d", "y\n", "a b d d/a d/b d/x d/y", 1},
	} {
		tooltest.Tree(t, "a", "b", "d/", "d/x", "d/y")
		if _, status := tooltest.Call(t, row.input, row.main, strings.Fields(row.args)...); tooltest.Left() != row.want || status != row.status {
			t.Errorf("%s with %q: left is %q, status %d", row.args, row.input, tooltest.Left(), status)
		}
	}
}
