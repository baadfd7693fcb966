package forward

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
)

// The beginning of an ID is enough for forward rm if only one forward's begins with it.
func TestMatch(t *testing.T) {
	var list []found
	for _, s := range []forward.Status{
		{ID: "ab12", Container: "web", ContainerID: "0123456789"},
		{ID: "ab34", Container: "web", ContainerID: "0123456789"},
		{ID: "cd56", Container: "ab", ContainerID: "9876543210"},
	} {
		list = append(list, found{Status: s})
	}
	for word, want := range map[string]string{
		"ab12": "ab12", "c": "cd56", "web": "ab12 ab34", "0123": "ab12 ab34", "ab": "cd56", // a container's name comes first
	} {
		var ids []string
		got, err := match(list, word)
		for _, f := range got {
			ids = append(ids, f.ID)
		}
		if err != nil || strings.Join(ids, " ") != want {
			t.Errorf("%s: %q, %v", word, ids, err)
		}
	}
	for word, want := range map[string]string{
		"a": `the IDs of 2 forwards begin with "a"`, "": `no such forward: ""`, "x": `no such forward: "x"`, "012": `no such forward: "012"`,
	} {
		if got, err := match(list, word); err == nil || err.Error() != want {
			t.Errorf("%q: %d, %v", word, len(got), err)
		}
	}
}
