package main

import (
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/list"
)

// separate separates options of single letters that are typed together, and values from their options: -sf is
// -s -f, and -c1 is -c 1. It stops where the options end.
func separate(t *list.Tool, args []string) []string {
	if !t.Letters {
		return args
	}
	var out []string
	for i, arg := range args {
		if arg == "--" || len(arg) < 2 || arg[0] != '-' {
			if arg == "--" || t.Values == "" || i == 0 || !endsInValue(t, args[i-1]) {
				return append(out, args[i:]...)
			}
			out = append(out, arg)
			continue
		}
		if strings.HasPrefix(arg, "--") {
			out = append(out, arg)
			continue
		}
		for j, letter := range arg[1:] {
			out = append(out, "-"+string(letter))
			if strings.ContainsRune(t.Values, letter) {
				if value := arg[1+j+1:]; value != "" {
					out = append(out, value)
				}
				break
			}
		}
	}
	return slices.Clip(out)
}

// endsInValue reports whether the argument is an option whose value is the next argument.
func endsInValue(t *list.Tool, arg string) bool {
	if len(arg) < 2 || arg[0] != '-' || strings.HasPrefix(arg, "--") {
		return false
	}
	at := strings.IndexAny(arg[1:], t.Values)
	return at == len(arg)-2
}
