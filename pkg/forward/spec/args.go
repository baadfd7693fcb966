package spec

import (
	"fmt"
	"strings"
)

// Group is a container with the SPECs that follow it.
type Group struct {
	Container string // as it was typed, without container:
	Forwards  []Forward
}

// Container returns the name in a word that stands for a container: container:NAME is NAME, whatever NAME looks like.
func Container(word string) string { return strings.TrimPrefix(word, ContainerPrefix) }

// ParseArgs parses CONTAINER [SPEC...] [CONTAINER SPEC...]...: the first word is a container, and each later word that
// is no SPEC begins the next one.
func ParseArgs(words []string) ([]Group, error) {
	var groups []Group
	for i, word := range words {
		if i == 0 || !IsSpec(word) {
			groups = append(groups, Group{Container: Container(word)})
			continue
		}
		f, err := Parse(word)
		if err != nil {
			return nil, err
		}
		last := &groups[len(groups)-1]
		last.Forwards = append(last.Forwards, f)
	}
	if len(groups) > 1 {
		for i, g := range groups {
			if len(g.Forwards) > 0 {
				continue
			}
			problem := "no SPEC follows this container"
			if i+1 < len(groups) {
				problem += fmt.Sprintf(": %q is no SPEC, and so is the next container", groups[i+1].Container)
			}
			return nil, &Error{g.Container, problem, "forward web 8080:80 db 5432"}
		}
	}
	return groups, nil
}
