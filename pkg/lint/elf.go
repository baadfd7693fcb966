package lint

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// elf checks an ELF file: its architecture, its loader and its libraries.
func (c *checker) elf(file found, facts program.Facts) error {
	switch {
	case facts.Object:
		c.add(Failure, checkProgram, "link it", "%s is an object file, not a program (exec format error)", file.path)
		return nil
	case facts.Malice:
		c.add(Failure, checkProgram, "COPY the program again", "%s is damaged: its headers contradict each other", file.path)
		return nil
	case facts.Cut:
		c.add(Failure, checkProgram, "COPY the program again", "%s is incomplete: it ends before its last segment", file.path)
		return nil
	case facts.Library:
		c.add(Warning, checkProgram, "", "%s looks like a library, not like a program", file.path)
	}
	c.architecture(file, facts)
	if facts.Loader == "" {
		if len(facts.Needed) > 0 {
			c.add(Warning, checkLoader, "", "%s needs libraries but names no loader", file.path)
		} else {
			c.add(OK, checkLibraries, "", "%s is static", file.path)
		}
		return nil
	}
	loader, problem, err := c.executable(c.absolute(string(facts.Loader)))
	if err != nil {
		return err
	}
	if problem != nil {
		c.addProgram(problem, checkLoader, fmt.Sprintf("the loader %q of %s", facts.Loader, file.path), loaderHint(string(facts.Loader)))
		return nil
	}
	c.add(OK, checkLoader, "", "%s", facts.Loader)
	return c.libraries(file, loader, facts)
}

// architecture compares a program with the machine.
func (c *checker) architecture(file found, facts program.Facts) {
	also := map[string]string{"amd64": "386", "arm64": "arm"} // most of these machines run the smaller one too
	switch {
	case c.start.Arch == "":
		c.add(Unknown, checkArchitecture, "", "%s is for %s; the engine does not say what it runs", file.path, facts.Arch)
	case facts.Arch == c.start.Arch, facts.Arch == also[c.start.Arch]:
		c.add(OK, checkArchitecture, "", "%s", facts.Arch)
	case c.start.Running:
		c.add(OK, checkArchitecture, "", "%s is for %s, the engine's machine is %s, which emulates it: the container runs", file.path, facts.Arch, c.start.Arch)
	case c.start.Emulates != nil && c.start.Emulates(facts.Arch):
		c.add(Warning, checkArchitecture, "", "%s is for %s, the engine's machine is %s and emulates it, slowly", file.path, facts.Arch, c.start.Arch)
	default:
		c.add(Failure, checkArchitecture,
			fmt.Sprintf("docker pull --platform linux/%s IMAGE, or docker build with it; or register an emulator (qemu-user-static, binfmt_misc) on the engine's machine", c.start.Arch),
			"%s is for %s, the engine's machine is %s (exec format error)", file.path, facts.Arch, c.start.Arch)
	}
}

// object is a loaded file.
type object struct {
	file  found
	facts program.Facts
	by    *object // what needs it
}

// maxObjects is how many libraries are looked for.
const maxObjects = 512

// libraries looks for all libraries of a program, as its loader does. loader is its loader's file.
func (c *checker) libraries(file, loader found, facts program.Facts) error {
	s := &searcher{checker: c, loader: loader, musl: strings.HasPrefix(path.Base(string(facts.Loader)), "ld-musl-"), of: facts}
	if err := s.configure(); err != nil {
		return err
	}
	queue := []*object{{file: file, facts: facts}}
	known := map[string]bool{path.Base(string(facts.Loader)): true}
	missing := false
	for n := 0; len(queue) > 0; n++ {
		o := queue[0]
		queue = queue[1:]
		for _, needed := range o.facts.Needed {
			name := string(needed)
			if known[name] || s.musl && builtIn(name) {
				continue
			}
			if known[name] = true; len(known) > maxObjects {
				c.add(Unknown, checkLibraries, "", "%s needs more than %d libraries", file.path, maxObjects)
				return nil
			}
			library, err := s.find(o, name)
			switch {
			case err == nil:
				queue = append(queue, library)
			case !isAbout(err):
				return err
			case errors.Is(err, fs.ErrNotExist):
				missing = true
				c.add(Failure, checkLibraries, "install the package that has it, or link the program statically",
					"the library %s, which %s needs, is in none of %s", name, o.file.path, strings.Join(s.searched(o), ":"))
			default:
				missing = true
				c.add(Unknown, checkLibraries, "", "the library %s, which %s needs: %v", name, o.file.path, err)
			}
		}
	}
	if !missing {
		c.add(OK, checkLibraries, "", "all %d are there", len(known)-1)
	}
	return nil
}

// builtIn reports whether musl's loader itself is a library: ldso/dynlink.c, load_library.
func builtIn(name string) bool {
	rest, ok := strings.CutPrefix(name, "lib")
	for _, reserved := range []string{"c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."} {
		if ok && strings.HasPrefix(rest, reserved) && !strings.HasPrefix(rest, "c.musl") {
			return true
		}
	}
	return false
}
