package sorting

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// uniq is a call of uniq.
type uniq struct {
	counted, repeated, unique, fold   bool
	skipFields, skipChars, checkChars int

	last string
	n    int  // how often it came
	all  bool // -D: each of those that are repeated
	end  byte // of a line
}

// Uniq prints one of equal lines that follow each other.
func Uniq(args []string) int {
	u := &uniq{}
	f := tool.Flags("uniq", "[OPTIONS] [INPUT [OUTPUT]]")
	f.BoolVarP(&u.counted, "count", "c", false, "print how many")
	f.BoolVarP(&u.repeated, "repeated", "d", false, "lines that are repeated only")
	f.BoolVarP(&u.unique, "unique", "u", false, "lines that are not repeated only")
	f.BoolVarP(&u.fold, "ignore-case", "i", false, "ignore case")
	f.IntVarP(&u.skipFields, "skip-fields", "f", 0, "ignore this number of fields")
	f.IntVarP(&u.skipChars, "skip-chars", "s", 0, "ignore this number of characters")
	f.IntVarP(&u.checkChars, "check-chars", "w", 0, "compare this number of characters at most")
	f.BoolVarP(&u.all, "all-repeated", "D", false, "each of the lines that are repeated")
	zero := f.BoolP("zero-terminated", "z", false, "lines end with NUL")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if u.end = '\n'; *zero {
		u.end = 0
	}
	if f.NArg() > 2 {
		return tool.Misused(f)
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
	status := tool.Inputs("uniq", f.Args()[:min(1, f.NArg())], func(in tool.Input) error {
		return tool.Records(in, u.end, func(line []byte) bool {
			if u.n > 0 && u.key(string(line)) == u.key(u.last) {
				if u.n++; u.all {
					if u.n == 2 {
						u.print(out, u.last)
					}
					u.print(out, string(line))
				}
				return true
			}
			u.show(out)
			u.last, u.n = string(line), 1
			return true
		})
	})
	u.show(out)
	return status
}

// key returns the part of a line that is compared.
func (u *uniq) key(line string) string {
	for range u.skipFields {
		line = strings.TrimLeft(line, " \t")
		line = line[len(line)-len(strings.TrimLeftFunc(line, func(r rune) bool { return r != ' ' && r != '\t' })):]
	}
	line = line[min(u.skipChars, len(line)):]
	if u.checkChars > 0 {
		line = line[:min(u.checkChars, len(line))]
	}
	if u.fold {
		line = strings.ToLower(line)
	}
	return line
}

// show prints the last line, if it is wanted.
func (u *uniq) show(out *bufio.Writer) {
	if u.all || u.n == 0 || u.repeated && u.n == 1 || u.unique && u.n > 1 {
		return
	}
	if u.counted {
		fmt.Fprintf(out, "%7d ", u.n)
	}
	u.print(out, u.last)
}

func (u *uniq) print(out *bufio.Writer, line string) {
	out.WriteString(line)
	out.WriteByte(u.end)
}
