// Package jq runs github.com/itchyny/gojq as jq.
package jq

import (
	"os"

	"github.com/itchyny/gojq/cli"
)

// Jq filters JSON.
func Jq(args []string) int {
	os.Args = []string{"jq"}
	for _, arg := range args {
		if arg != "-S" && arg != "--sort-keys" { // keys are always sorted
			os.Args = append(os.Args, arg)
		}
	}
	return cli.Run()
}
