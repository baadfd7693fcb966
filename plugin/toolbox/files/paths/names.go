// Package paths has the tools that print parts of paths, and paths without links.
package paths

import (
	"errors"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Basename prints the last element of paths.
func Basename(args []string) int {
	f := tool.Flags("basename", "NAME [SUFFIX] | [-a] [-s SUFFIX] [-z] NAME...")
	f.SetInterspersed(false)
	multiple := f.BoolP("multiple", "a", false, "all arguments are names")
	suffix := f.StringP("suffix", "s", "", "remove a suffix, and take all arguments for names")
	zero := f.BoolP("zero", "z", false, "end names with NUL")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	names := f.Args()
	if !*multiple && !f.Changed("suffix") && len(names) == 2 {
		names, *suffix = names[:1], names[1]
	} else if !*multiple && !f.Changed("suffix") && len(names) > 2 {
		return tool.Complain("basename", errors.New("more than one name requires -a"))
	}
	return printNames("basename", names, *zero, func(name string) string {
		switch trimmed := strings.TrimRight(name, "/"); {
		case trimmed == "" && name != "":
			return "/"
		default:
			base := trimmed[strings.LastIndexByte(trimmed, '/')+1:]
			if short := strings.TrimSuffix(base, *suffix); short != "" {
				return short
			}
			return base
		}
	})
}

// Dirname prints paths without their last element.
func Dirname(args []string) int {
	f := tool.Flags("dirname", "[-z] NAME...")
	zero := f.BoolP("zero", "z", false, "end names with NUL")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	return printNames("dirname", f.Args(), *zero, func(name string) string {
		trimmed := strings.TrimRight(name, "/")
		switch at := strings.LastIndexByte(trimmed, '/'); {
		case trimmed == "" && name != "":
			return "/"
		case at < 0:
			return "."
		default:
			if dir := strings.TrimRight(trimmed[:at], "/"); dir != "" {
				return dir
			}
			return "/"
		}
	})
}

func printNames(command string, names []string, zero bool, part func(string) string) int {
	if len(names) == 0 {
		return tool.Complain(command, errors.New("a name is missing"))
	}
	end := "\n"
	if zero {
		end = "\x00"
	}
	for _, name := range names {
		tool.Print(tool.Shown(part(name)) + end)
	}
	return 0
}
