package create

import (
	"os"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

func TestLnNeverRemovesItsTarget(t *testing.T) {
	for _, row := range []struct {
		args   []string
		want   string
		status int
	}{
		{[]string{"-f", "a", "a"}, "a d d/a", 1},
		{[]string{"-sf", "a", "a"}, "a d d/a", 1},
		{[]string{"-sf", "a", "./d/../a"}, "a d d/a", 1},
		{[]string{"-sf", "DIR/d/a", "d"}, "a d d/a", 1},
		{[]string{"-sf", "a", "d"}, "a d d/a", 1}, // a link to itself in d
		{[]string{"-sfT", "a", "d"}, "a d d/a", 1},
		{[]string{"-sf", "../a", "d/a"}, "a d d/a", 0},
		{[]string{"-f", "a", "d/a"}, "a d d/a", 0},
		{[]string{"-f", "nosuch", "d/a"}, "a d d/a", 1},
	} {
		tooltest.Tree(t, "a", "d/", "d/a")
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for i := range row.args {
			row.args[i] = strings.Replace(row.args[i], "DIR", dir, 1)
		}
		_, status := tooltest.Call(t, "", Ln, row.args...)
		text, err := os.ReadFile("a")
		if status != row.status || tooltest.Left() != row.want || string(text) != "a" || err != nil {
			t.Errorf("ln %q: status %d, left is %q, a has %q, %v", row.args, status, tooltest.Left(), text, err)
		}
		if inD, err := os.ReadFile("d/a"); row.status == 1 && (string(inD) != "d/a" || err != nil) {
			t.Errorf("ln %q: d/a has %q, %v", row.args, inD, err)
		}
	}
}
