package listing

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

func TestLsPutsDirectoriesFirst(t *testing.T) {
	tooltest.Tree(t, "a", "z/", "b")
	if text, _ := tooltest.Call(t, "", Ls, "-1", "--group-directories-first"); text != "z\na\nb\n" {
		t.Errorf("it prints %q", text)
	}
}
