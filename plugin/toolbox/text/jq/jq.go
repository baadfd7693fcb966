// Package jq runs github.com/itchyny/gojq as jq.
package jq

import (
	"os"
	"strings"

	"github.com/itchyny/gojq/cli"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/jq/keyorder"
)

// Jq filters JSON.
func Jq(args []string) int {
	os.Args = append([]string{"jq"}, sorting(args)...)
	return cli.Run()
}

// sorting takes -S out of the arguments, which gojq does not know.
func sorting(args []string) []string {
	out := make([]string, 0, len(args))
	for i, arg := range args {
		if arg == "--" {
			return append(out, args[i:]...)
		}
		letters := len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "rjcCMnRsfLeShV") == ""
		if arg != "--sort-keys" && (!letters || !strings.Contains(arg, "S")) {
			out = append(out, arg)
			continue
		}
		keyorder.Sort = true
		if rest := strings.ReplaceAll(arg, "S", ""); letters && rest != "-" {
			out = append(out, rest)
		}
	}
	return out
}
