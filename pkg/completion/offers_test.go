package completion_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
)

func TestHarmless(t *testing.T) {
	for _, word := range []string{
		"web", "container:web-1", "db.2@shop", "@shop", "/run/app.sock", "8080:80/udp", "127.0.0.1", "::1", "fe80::1%eth0",
		"registry.example:5000/a/b:1.2@sha256:0", "net,uts,", "label=", "ns:/", "A_B", "c++",
	} {
		if got := completion.Harmless([]string{word}); !slices.Equal(got, []string{word}) {
			t.Errorf("%q is not offered", word)
		}
	}
	for _, word := range []string{
		"", "-x", "--privileged", "=ls", "~root", "a:~/x", "+x", "%1", ",a", "$(id)a", "${x}", "`id`", "a b", "a;b", "a|b", "a&b", "a<b", "a>b",
		"(a)", "{a,b}", "a[1]", "*", "a?", "a!b", "#a", "a^b", `a\b`, `a"b`, "a'b", "a\nb", "a\rb", "a\x1b[2J", "a\x00", "a\x9b", "a\u00a0b", "ä", "a\u202eb",
		"_activeHelp_ a",
	} {
		if got := completion.Harmless([]string{word}); len(got) != 0 {
			t.Errorf("%q is offered as %q", word, got)
		}
	}
}

// A description cannot become part of the line, and shows as one line of what it is.
func TestHarmlessDescriptions(t *testing.T) {
	got := completion.Harmless([]string{
		"80\t$(id)a", "80\t$(id)b", "81\tnginx: worker process", "82\ta\tb\nc\x1b[2J`id`é", "83\t" + strings.Repeat("x", 1000), "84\t", "$(id)\tweb",
	})
	want := []string{"80\t__id_a", "81\tnginx: worker process", "82\ta_b_c__2J_id__", "83\t" + strings.Repeat("x", 200), "84\t"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
