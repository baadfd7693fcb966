// Package programs finds the programs of a directory, or of one file with many names, that can be put beside a
// container's files: regular files that may be executed, which are static or scripts. Symbolic links are never followed.
//
// The plugin uses it for the client's machine, the helper for the engine's host.
package programs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/dirnames"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Set is what was found.
type Set struct {
	// Files are sorted by name, links after what they lead to.
	Files []request.File

	path string // of the only one; else ""
	arch string
	// which links are followed at the path that was asked for, and at files in a directory
	top, below following
	// scripts are programs, too
	scripts bool
	inside  map[request.Word]info   // of the files that are no links
	in      map[request.Word]string // the directories of these
	left    map[string][]string     // names of what is left out, by the reason

	to    map[request.Word]request.Word // what each link leads to
	links []request.File                // that lead to none of the programs so far
}

const separator = string(os.PathSeparator)

// maxEntries limits how many entries of a directory are looked at.
const maxEntries = 4 * request.MaxFiles

// hint is about programs that are left out.
const hint = "a program must be static, a script, or in an image: --tools IMAGE"

// following says which symbolic links are followed when a file is opened.
type following int

const (
	noLink     following = iota // neither a link at the path nor one on the way
	noLastLink                  // one on the way
	everyLink
)

// ErrLink is the error of Find if a path leads through a symbolic link.
var ErrLink = errors.New("a symbolic link is not followed")

// Find finds the programs of path for linux/arch, which is named like GOARCH. path is a directory, or a program that
// gets that name. Scripts are left out if not scripts. A path that leads through a symbolic link is refused with ErrLink,
// since another user may have made it.
func Find(path, name, arch string, scripts bool) (*Set, error) {
	s := newSet(arch, scripts)
	s.top, s.below = noLink, noLink
	return s, s.find(path, name)
}

// FindOpened is like Find for /proc/self/fd/N of an open directory or file.
func FindOpened(path, name, arch string, scripts bool) (*Set, error) {
	s := newSet(arch, scripts)
	return s, s.find(path, name)
}

func (s *Set) find(path, name string) error {
	f, err := open(path, s.top)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := statOf(f)
	if err != nil {
		return err
	}
	if st.dir {
		if err := s.addDir(f, path, nil); err != nil {
			return err
		}
		return s.check()
	}
	s.path = path
	return s.addProgram(name)
}

// Dir is an open directory.
type Dir struct {
	File *os.File
	// Path leads to the directory, Name is what links call it.
	Path, Name string
}

// InAll finds the programs of several directories, like Find. Of two with the same name it takes the first.
func InAll(dirs []Dir, arch string, scripts bool) (*Set, error) {
	s := newSet(arch, scripts)
	names := make(map[string]bool)
	for _, d := range dirs {
		names[d.Name] = true
	}
	for _, d := range dirs {
		if err := s.addDir(d.File, d.Path, names); err != nil {
			return s, fmt.Errorf("%s: %w", d.Name, err)
		}
	}
	return s, s.check()
}

func newSet(arch string, scripts bool) *Set {
	return &Set{
		arch: arch, scripts: scripts, inside: make(map[request.Word]info), in: make(map[request.Word]string), left: make(map[string][]string),
		to: make(map[request.Word]request.Word), top: everyLink, below: noLastLink,
	}
}

// addProgram adds a single program, and the names that it has if it is a busybox.
func (s *Set) addProgram(name string) error {
	f, st, err := openRegular(s.path, s.top)
	if err != nil {
		return err
	}
	defer f.Close()
	if why := s.refuse(f, st); why != "" {
		return exit.Hint(errors.New("it is "+why), "%s", hint)
	}
	if st.size > request.MaxFileBytes {
		return tooLarge(st.size)
	}
	s.inside[request.Word(name)] = st
	s.Files = []request.File{{Name: request.Word(name), Size: st.size}}
	content := make([]byte, st.size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, st.size), content); err != nil {
		return err
	}
	for _, applet := range applets(content) {
		if applet != name && len(s.Files) < request.MaxFiles {
			s.Files = append(s.Files, request.File{Name: request.Word(applet), Link: request.Word(name)})
		}
	}
	return nil
}

// addDir adds the programs of an open directory. A link may also lead to a program in one of the directories of that name.
func (s *Set) addDir(dir *os.File, path string, names map[string]bool) error {
	entries, err := dirnames.In(dir, maxEntries)
	if err != nil {
		return err
	}
	if len(entries) > maxEntries {
		return fmt.Errorf("it has more than %d entries", maxEntries)
	}
	for _, name := range entries {
		if s.has(request.Word(name)) {
			continue
		}
		if link := s.add(path, name, names); link != "" {
			s.to[request.Word(name)] = request.Word(link)
			s.links = append(s.links, request.File{Name: request.Word(name), Link: request.Word(link)})
		}
	}
	s.addLinks()
	return nil
}

// addLinks adds the links that lead to a program, and keeps those that may lead to one of a later directory.
func (s *Set) addLinks() {
	const longest = 8 // links one after another
	links := s.links
	s.links = nil
	for _, l := range links {
		if s.has(l.Name) {
			continue
		}
		_, is := s.inside[l.Link]
		for left := longest; !is && left > 0; left-- {
			l.Link = cmp.Or(s.to[l.Link], l.Link)
			_, is = s.inside[l.Link]
		}
		if is {
			s.Files = append(s.Files, l)
		} else {
			s.links = append(s.links, l)
		}
	}
}

// has reports whether there is a program or link of that name.
func (s *Set) has(name request.Word) bool {
	return slices.ContainsFunc(s.Files, func(f request.File) bool { return f.Name == name })
}

// check refuses no programs, or too many, when all directories have been read.
func (s *Set) check() error {
	for _, l := range s.links {
		s.leave("links to something else", string(l.Name))
	}
	switch total := s.Size(); {
	case len(s.Files) == 0:
		err := errors.New("it has no program that can be used")
		if left := s.Left(); left != "" {
			err = fmt.Errorf("%w; left out: %s", err, left)
		}
		return exit.Hint(err, "%s", hint)
	case len(s.Files) > request.MaxFiles:
		return fmt.Errorf("it has %d programs, more than %d", len(s.Files), request.MaxFiles)
	case total > request.MaxFileBytes:
		return tooLarge(total)
	}
	return nil
}

func tooLarge(size int64) error {
	return fmt.Errorf("its programs have %d bytes, more than %d", size, request.MaxFileBytes)
}

// add adds an entry of a directory. If it is a link to another entry, that one's name is returned. names are as for
// addDir.
func (s *Set) add(dir, name string, names map[string]bool) (link string) {
	path := dir + separator + name
	st, err := statAt(path)
	switch {
	case err != nil:
		return "" // it is gone
	case st.link:
		to, err := os.Readlink(path)
		if at := strings.LastIndex(to, separator); at > 0 && names[to[:at]] {
			to = to[at+1:]
		}
		if err != nil || strings.Contains(to, separator) {
			to = ".." // none of the entries
		}
		return to
	case !st.regular:
		return ""
	case !st.executable:
		s.leave("may not be executed", name)
		return ""
	}
	f, st, err := openRegular(path, s.below)
	if err != nil {
		s.leave("cannot be read", name)
		return ""
	}
	defer f.Close()
	for _, other := range s.Files {
		if st.ino != 0 && st == s.inside[other.Name] {
			return string(other.Name) // a hard link
		}
	}
	if why := s.refuse(f, st); why != "" {
		s.leave(why, name)
		return ""
	}
	s.inside[request.Word(name)], s.in[request.Word(name)] = st, dir
	s.Files = append(s.Files, request.File{Name: request.Word(name), Size: st.size})
	return ""
}

func (s *Set) leave(why, name string) { s.left[why] = append(s.left[why], name) }

// info is what is known of a file.
type info struct {
	regular, link, dir, executable bool
	size                           int64
	dev, ino                       uint64 // 0 if the system has no such numbers
}

// openRegular opens a regular file.
func openRegular(path string, links following) (*os.File, info, error) {
	f, err := open(path, links)
	if err != nil {
		return nil, info{}, err
	}
	st, err := statOf(f)
	if err == nil && !st.regular {
		err = errors.New("it is neither a directory nor a regular file")
	}
	if err != nil {
		f.Close()
		return nil, info{}, err
	}
	return f, st, nil
}

// Left says in one line what is left out and why, or returns "".
func (s *Set) Left() string {
	const shown = 5
	var reasons, texts []string
	for why := range s.left {
		at, _ := slices.BinarySearch(reasons, why)
		reasons = slices.Insert(reasons, at, why)
	}
	for _, why := range reasons {
		names := s.left[why]
		text := strings.Join(names[:min(shown, len(names))], ", ")
		if more := len(names) - shown; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		texts = append(texts, fmt.Sprintf("%s (%s)", text, why))
	}
	return strings.Join(texts, ", ")
}

// Size returns the number of bytes of all files.
func (s *Set) Size() (total int64) {
	for _, f := range s.Files {
		total += f.Size
	}
	return total
}

// Open opens one of the files, which must be as it was found.
func (s *Set) Open(file request.File) (io.ReadCloser, error) {
	found, is := s.inside[file.Name]
	if !is {
		return nil, fmt.Errorf("%q: %w", file.Name, os.ErrNotExist)
	}
	path, links := s.path, s.top
	if path == "" {
		path, links = s.in[file.Name]+separator+string(file.Name), s.below
	}
	f, st, err := openRegular(path, links)
	if err != nil {
		return nil, err
	}
	if st != found {
		f.Close()
		return nil, fmt.Errorf("%q has changed meanwhile", file.Name)
	}
	return f, nil
}

// Content returns the content of all files, one after another.
func (s *Set) Content() ([]byte, error) {
	content := make([]byte, 0, s.Size())
	for _, file := range s.Files {
		if file.Link != "" {
			continue
		}
		f, err := s.Open(file)
		if err != nil {
			return nil, err
		}
		begin := len(content)
		content = content[:int64(begin)+file.Size]
		_, err = io.ReadFull(f, content[begin:])
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", file.Name, err)
		}
	}
	return content, nil
}
