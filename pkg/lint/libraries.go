package lint

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// searcher finds libraries.
type searcher struct {
	*checker
	loader     found
	musl       bool
	of         program.Facts
	configured []string // directories of the loader's configuration
	defaults   []string // directories that are built into the loader
}

// Limits of the loader's configuration.
const (
	maxIncludes    = 128
	maxDirectories = 256
)

// configure reads the loader's configuration.
func (s *searcher) configure() error {
	if s.musl {
		// The file's name is the loader's, /lib/ld-musl-ARCH.so.1, in /etc.
		name := strings.TrimSuffix(path.Base(string(s.of.Loader)), ".so.1")
		text, err := s.small("/etc/" + name + ".path")
		if err != nil {
			return err
		}
		if text == nil {
			s.defaults = []string{"/lib", "/usr/local/lib", "/usr/lib"}
			return nil
		}
		paths, err := s.parser.Paths(text, true)
		s.configured = names(paths.Dirs)
		return err
	}
	for _, lib := range []string{"lib/" + triplets[s.of.Arch], "lib64", "lib"} {
		if lib != "lib/" && (lib != "lib64" || s.of.Bits == 64) {
			s.defaults = append(s.defaults, "/"+lib, "/usr/"+lib)
		}
	}
	s.defaults = append(s.defaults, path.Dir(s.loader.path)) // of a C library with a prefix of its own, as in Nix
	return s.include("/etc/ld.so.conf", new(int))
}

// triplets are Debian's names of architectures.
var triplets = map[string]string{
	"amd64": "x86_64-linux-gnu", "386": "i386-linux-gnu", "arm64": "aarch64-linux-gnu", "arm": "arm-linux-gnueabihf",
	"riscv64": "riscv64-linux-gnu", "ppc64le": "powerpc64le-linux-gnu", "s390x": "s390x-linux-gnu", "loong64": "loongarch64-linux-gnu",
}

// include reads a file of ldconfig's configuration. n counts the files.
func (s *searcher) include(file string, n *int) error {
	if *n++; *n > maxIncludes {
		return nil
	}
	text, err := s.small(file)
	if err != nil || text == nil {
		return err
	}
	paths, err := s.parser.Paths(text, false)
	if err != nil {
		return err
	}
	s.configured = append(s.configured, names(paths.Dirs)...)
	s.configured = s.configured[:min(len(s.configured), maxDirectories)]
	for _, include := range paths.Includes {
		pattern := string(include)
		if !path.IsAbs(pattern) {
			pattern = path.Join(path.Dir(file), pattern)
		}
		files, err := s.glob(pattern)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := s.include(f, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// glob returns the files of a pattern, whose directory has no wildcards.
func (s *searcher) glob(pattern string) ([]string, error) {
	dir, base := path.Split(pattern)
	if !strings.ContainsAny(base, "*?[") {
		return []string{pattern}, nil
	}
	found, err := s.resolve(path.Clean(dir))
	var list []string
	if err == nil && found.mode.IsDir() {
		list, err = s.files.Names(s.ctx, found.path)
	}
	if err != nil {
		if isAbout(err) {
			return nil, nil
		}
		return nil, err
	}
	slices.Sort(list)
	var files []string
	for _, name := range list {
		if ok, err := path.Match(base, name); err == nil && ok {
			files = append(files, path.Join(dir, name))
		}
	}
	return files, nil
}

func names(list []program.Name) []string {
	var all []string
	for _, n := range list {
		all = append(all, string(n))
	}
	return all
}

// searched returns the directories in which the libraries of an object are looked for, in this order: ld.so(8).
func (s *searcher) searched(o *object) []string {
	var dirs []string
	preset := strings.FieldsFunc(s.variable("LD_LIBRARY_PATH"), func(r rune) bool { return r == ':' || r == ';' })
	inherited := func() {
		for by := o; by != nil; by = by.by {
			if by.facts.RunPath == "" {
				dirs = append(dirs, s.expand(by, string(by.facts.RPath))...)
			} else if s.musl {
				dirs = append(dirs, s.expand(by, string(by.facts.RunPath))...)
			}
		}
	}
	switch {
	case s.musl:
		dirs = append(dirs, preset...)
		inherited()
	case o.facts.RunPath == "":
		inherited()
		dirs = append(dirs, preset...)
	default:
		dirs = append(dirs, preset...)
		dirs = append(dirs, s.expand(o, string(o.facts.RunPath))...)
	}
	if !o.facts.NoDefLib {
		dirs = append(dirs, s.configured...)
		dirs = append(dirs, s.defaults...)
	}
	var once []string
	for _, dir := range dirs {
		if dir = path.Clean(s.absolute(dir)); !slices.Contains(once, dir) && len(once) < maxDirectories {
			once = append(once, dir)
		}
	}
	return once
}

// expand returns the directories of DT_RPATH or DT_RUNPATH of an object.
func (s *searcher) expand(o *object, list string) []string {
	if list == "" {
		return nil
	}
	var dirs []string
	for dir := range strings.SplitSeq(list, ":") {
		for _, name := range []string{"$ORIGIN", "${ORIGIN}"} {
			dir = strings.ReplaceAll(dir, name, path.Dir(o.file.path))
		}
		if !strings.Contains(dir, "$LIB") && !strings.Contains(dir, "${LIB}") {
			dirs = append(dirs, dir)
			continue
		}
		for _, lib := range []string{"lib/" + triplets[s.of.Arch], "lib64", "lib"} {
			dirs = append(dirs, strings.NewReplacer("$LIB", lib, "${LIB}", lib).Replace(dir))
		}
	}
	return dirs
}

// variable returns the value of a variable of the command's environment.
func (s *searcher) variable(name string) string {
	value := ""
	for _, assignment := range s.start.Env {
		if v, ok := strings.CutPrefix(assignment, name+"="); ok {
			value = v
		}
	}
	return value
}

// find finds a library that an object needs. Like the loader it skips files of another architecture.
func (s *searcher) find(o *object, name string) (*object, error) {
	candidates := []string{s.absolute(name)}
	if !strings.Contains(name, "/") {
		candidates = nil
		for _, dir := range s.searched(o) {
			candidates = append(candidates, dir+"/"+name)
		}
	}
	var unseen error
	for _, candidate := range candidates {
		file, err := s.resolve(candidate)
		var may bool
		if err == nil && file.mode.IsRegular() && file.blocked == "" {
			may, err = s.may(file, read)
		}
		var facts program.Facts
		if err == nil && may {
			facts, err = s.facts(file)
		}
		switch {
		case err != nil && !isAbout(err):
			return nil, err
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			unseen = err
		case err == nil && may && facts.Kind == program.ELF && !facts.Malice && facts.Arch == s.of.Arch && facts.Bits == s.of.Bits:
			return &object{file: file, facts: facts, by: o}, nil
		}
	}
	if unseen != nil {
		return nil, unseen
	}
	return nil, &pathError{name, "does not exist", fs.ErrNotExist}
}
