package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// missingHint returns the hint about a program that does not exist.
func (c *checker) missingHint(name string) string {
	builtins := []string{"cd", "exec", "export", "source", ".", "set", "eval", "alias", "ulimit", "umask"}
	switch {
	case strings.ContainsAny(name, " \t"):
		return `each word of the exec form is one argument: ["` + strings.Join(strings.Fields(name), `", "`) + `"]`
	case slices.Contains(builtins, name):
		return fmt.Sprintf(`%s is a command of the shell: ["/bin/sh", "-c", "%s …"]`, name, name)
	case strings.Contains(name, "$"):
		return `the exec form replaces no variables: ["/bin/sh", "-c", "exec …"]`
	}
	if f, problem, err := c.executable(c.absolute("./" + name)); err == nil && problem == nil && !strings.Contains(name, "/") {
		return "it is in the working directory: write ./" + name + " or " + f.path
	}
	return "COPY it into the image, or correct the name"
}

// notExecuted says why a kind of file is not executed.
func notExecuted(kind program.Kind) (text, hint string) {
	switch kind {
	case program.Empty:
		return "is empty", "COPY the program again"
	case program.Text:
		return "is a script without a #! line", "begin it with #!/bin/sh, or start it by its interpreter"
	case program.Windows:
		return "is a program for Windows", "build it for Linux (GOOS=linux)"
	case program.MacOS:
		return "is a program for macOS", "build it for Linux (GOOS=linux)"
	}
	return "is neither a program nor a script", ""
}

// interpreterHint returns the hint about an interpreter that does not exist.
func interpreterHint(name string) string {
	switch path.Base(name) {
	case "sh":
		return "the image has no shell: use a program that is none of a script, or an image with /bin/sh"
	case "bash":
		return "install bash in the image (apk add bash), or write the script for #!/bin/sh"
	}
	return "install it in the image, or correct the #! line"
}

// loaderHint returns the hint about a loader that does not exist: mostly, the program was built for another C library.
func loaderHint(loader string) string {
	if strings.Contains(path.Base(loader), "musl") {
		return "it was built for musl (Alpine): build it in an image like the one that it runs in, or link it statically"
	}
	return "it was built for glibc, which this image does not have: build it in an image like the one that it runs in, link it statically " +
		"(Go: CGO_ENABLED=0), or take an image with glibc (on Alpine: apk add gcompat)"
}
