// Package metadata answers docker-cli-plugin-metadata, with which the Docker CLI asks what the plugin is. The
// CLI starts the plugin once in each docker nsjoin to ask that.
//
// The package answers when it is initialized, before the packages of the engine's client, whose initialization
// would take most of that call's time. Go initializes the packages in the order of their import paths, each after
// its own imports (https://go.dev/ref/spec#Program_initialization). So this package imports only what is
// initialized early: neither fmt nor encoding/json.
package metadata

import (
	"os"
	"strconv"

	"github.com/nsjoin/docker-nsjoin/pkg/argv0"
)

// Version is the plugin's version. The linker sets it.
var Version = "unknown"

// Description is what docker --help says about the plugin.
const Description = "Run a command in the namespaces of a container"

// debug is the name of a link to the plugin that makes docker debug a command, and debugDescription what docker --help
// says about it.
const (
	debug            = "docker-debug"
	debugDescription = "Run a shell with tools in a container that has none"
)

// IsDebug reports whether the program was started by that link.
func IsDebug(args []string) bool { return len(args) > 0 && argv0.Base(args[0]) == debug }

// subcommand is the Docker CLI's name for the question, from its package metadata.
const subcommand = "docker-cli-plugin-metadata"

// standalone is the name of the program that is not a plugin. Its argument would be a container.
const standalone = "nsjoin"

func init() {
	if Asked(os.Args) && Write(os.Stdout) == nil {
		os.Exit(0)
	}
}

// Asked reports whether the Docker CLI asks for the metadata.
func Asked(args []string) bool {
	return len(args) == 2 && args[1] == subcommand && argv0.Base(args[0]) != standalone
}

// Write writes the answer.
func Write(f *os.File) error {
	description := Description
	if IsDebug(os.Args) {
		description = debugDescription
	}
	_, err := f.WriteString(answer(description))
	return err
}

func answer(description string) string {
	return `{"SchemaVersion":"0.1.0","Vendor":"docker-nsjoin","Version":` + strconv.Quote(Version) +
		`,"ShortDescription":` + strconv.Quote(description) + `,"URL":"https://github.com/nsjoin/docker-nsjoin"}` + "\n"
}
