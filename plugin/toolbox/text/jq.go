package text

import (
	"os"

	"github.com/itchyny/gojq/cli"
)

// Jq filters JSON.
func Jq(args []string) int {
	os.Args = append([]string{"jq"}, args...)
	return cli.Run()
}
