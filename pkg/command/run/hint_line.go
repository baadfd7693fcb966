package run

import (
	"os"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// asGiven returns the options of this call as they were typed. args is what follows them. Options that may
// hold a secret are "…".
func (o *options) asGiven(args []string) []string {
	begin := slices.Index(os.Args, "nsjoin") + 1
	end := len(os.Args) - len(args)
	if begin == 0 || end < begin {
		return nil
	}
	if o.env.Len() > 0 {
		return []string{"…"}
	}
	return os.Args[begin:end]
}

// line returns a call of docker nsjoin, quoted for a shell. Of a long one the end is left out.
func line(parts ...[]string) string {
	const most = 16
	words := []string{"docker"}
	if i := slices.Index(os.Args, "nsjoin"); i > 0 {
		words = append(words, os.Args[1:i]...) // the Docker CLI's own options
	}
	words = slices.Concat(append([][]string{words, {"nsjoin"}}, parts...)...)
	more := ""
	if len(words) > most {
		words, more = words[:most], " …"
	}
	for i, w := range words {
		if w != "…" {
			words[i] = plan.QuoteArg(w)
		}
	}
	return strings.Join(words, " ") + more
}

// withoutDashes returns the options as they were typed, without the -- after them.
func (o *options) withoutDashes(args []string) []string {
	given := o.asGiven(args)
	if n := len(given); n > 0 && given[n-1] == "--" {
		return given[:n-1]
	}
	return given
}
