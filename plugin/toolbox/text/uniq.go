package text

import (
	"fmt"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Uniq prints one of equal lines that follow each other.
func Uniq(args []string) int {
	f := tool.Flags("uniq", "[OPTIONS] [INPUT [OUTPUT]]")
	counted := f.BoolP("count", "c", false, "print how many")
	repeated := f.BoolP("repeated", "d", false, "lines that are repeated only")
	unique := f.BoolP("unique", "u", false, "lines that are not repeated only")
	fold := f.BoolP("ignore-case", "i", false, "ignore case")
	skipFields := f.IntP("skip-fields", "f", 0, "ignore this number of fields")
	skipChars := f.IntP("skip-chars", "s", 0, "ignore this number of characters")
	checkChars := f.IntP("check-chars", "w", 0, "compare this number of characters at most")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	key := func(line string) string {
		for range *skipFields {
			line = strings.TrimLeft(line, " \t")
			line = line[len(line)-len(strings.TrimLeftFunc(line, func(r rune) bool { return r != ' ' && r != '\t' })):]
		}
		line = line[min(*skipChars, len(line)):]
		if *checkChars > 0 {
			line = line[:min(*checkChars, len(line))]
		}
		if *fold {
			line = strings.ToLower(line)
		}
		return line
	}
	if f.NArg() > 2 {
		f.Usage()
		return tool.Usage
	}
	if f.NArg() == 2 && f.Arg(1) != "-" { // where the output goes
		file, err := os.Create(f.Arg(1))
		if err != nil {
			return tool.Complain("uniq", err)
		}
		defer file.Close()
		os.Stdout = file
	}
	out, flush := tool.Output()
	defer flush()
	last, n := "", 0
	print := func() {
		if n == 0 || *repeated && n == 1 || *unique && n > 1 {
			return
		}
		if *counted {
			fmt.Fprintf(out, "%7d ", n)
		}
		out.WriteString(last + "\n")
	}
	status := tool.Inputs("uniq", f.Args()[:min(1, f.NArg())], func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			if n > 0 && key(string(line)) == key(last) {
				n++
				return true
			}
			print()
			last, n = string(line), 1
			return true
		})
	})
	print()
	return status
}
