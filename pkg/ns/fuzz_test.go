package ns_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

func FuzzParseSet(f *testing.F) {
	for _, seed := range []string{"", "net", "mount,network,pid", " net , uts ", "net,,pid", "net,vlan", "NET", "userns,user"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		set, err := ns.ParseSet(list)
		if err != nil {
			named := false
			for word := range strings.SplitSeq(list, ",") {
				named = named || strings.Contains(err.Error(), strconv.Quote(strings.TrimSpace(word)))
			}
			if set != 0 || !named || !strings.Contains(err.Error(), ns.All().String()) {
				t.Errorf("%q: %v and %q, which doesn't name the word and the kinds", list, set, err)
			}
			return
		}
		if set == 0 || set.Without(ns.All()) != 0 {
			t.Errorf("%q is the set %#x", list, uint8(set))
		}
		if again, err := ns.ParseSet(set.String()); err != nil || again != set {
			t.Errorf("%q is %v, which is %v, %v when it is read again", list, set, again, err)
		}
		if words := strings.Count(list, ",") + 1; len(set.Kinds()) > words {
			t.Errorf("%q has %d words and %v", list, words, set)
		}
	})
}
