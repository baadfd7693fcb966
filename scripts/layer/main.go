// The command layer describes a layer of the helper's image: go run ./scripts/layer helper|toolbox PROGRAM. The plugin
// embeds the line that it prints, so that it knows the image's ID without making the image.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/helperimage/layer"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "layer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	const usage = "usage: go run ./scripts/layer helper|toolbox PROGRAM"
	if len(args) != 2 { //nolint:mnd // as the usage says
		return errors.New(usage)
	}
	path, known := map[string]string{"helper": layer.Helper, "toolbox": layer.Toolbox}[args[0]]
	if !known {
		return errors.New(usage)
	}
	program, err := os.Open(args[1])
	if err != nil {
		return err
	}
	defer program.Close()
	info, err := program.Stat()
	if err != nil {
		return err
	}
	described, err := layer.Describe(path, program, info.Size())
	if err == nil {
		fmt.Println(described)
	}
	return err
}
