package sorting

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Shuf prints lines in a random order.
func Shuf(args []string) int {
	f := tool.Flags("shuf", "[-rz] [-n COUNT] [-o FILE] [FILE | -e WORD... | -i LOW-HIGH]")
	count := f.IntP("head-count", "n", -1, "at most so many lines")
	echo := f.BoolP("echo", "e", false, "the arguments are the lines")
	numbers := f.StringP("input-range", "i", "", "the lines are these numbers")
	again := f.BoolP("repeat", "r", false, "a line may come again")
	zero := f.BoolP("zero-terminated", "z", false, "lines end with NUL")
	output := f.StringP("output", "o", "", "the file to write")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	end := byte('\n')
	if *zero {
		end = 0
	}
	var lines []string
	var err error
	switch {
	case *numbers != "":
		lines, err = numberLines(*numbers)
	case *echo:
		lines = f.Args()
	case f.NArg() > 1:
		return tool.Misused(f)
	default:
		var kept tool.Kept
		status := tool.Inputs("shuf", f.Args(), func(in tool.Input) error {
			var full error
			err := tool.Records(in, end, func(line []byte) bool {
				lines = append(lines, string(line))
				full = kept.Add(len(line) + 16)
				return full == nil
			})
			return errors.Join(err, full)
		})
		if status != 0 {
			return status
		}
	}
	if err != nil {
		return tool.Complain("shuf", err)
	}
	if *output != "" {
		file, err := os.Create(*output)
		if err != nil {
			return tool.Complain("shuf", err)
		}
		defer file.Close()
		os.Stdout = file
	}
	out, flush := tool.Output()
	defer flush()
	if *again {
		if len(lines) == 0 && *count != 0 {
			return tool.Complain("shuf", errors.New("no lines to repeat"))
		}
		for i := 0; i != *count; i++ { // without a count, until nobody reads
			if _, err := out.WriteString(lines[rand.IntN(len(lines))] + string(rune(end))); err != nil {
				return 1
			}
		}
		return 0
	}
	rand.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	if *count >= 0 {
		lines = lines[:min(*count, len(lines))]
	}
	for _, line := range lines {
		out.WriteString(line)
		out.WriteByte(end)
	}
	return 0
}

// numberLines returns the numbers of a range such as 1-10.
func numberLines(text string) (lines []string, err error) {
	low, high, ok := strings.Cut(text, "-")
	from, failed := strconv.Atoi(low)
	to, err := strconv.Atoi(high)
	if !ok || failed != nil || err != nil || from > to+1 {
		return nil, fmt.Errorf("invalid input range: %q", text)
	}
	var kept tool.Kept
	for i := from; i <= to; i++ {
		lines = append(lines, strconv.Itoa(i))
		if err := kept.Add(32); err != nil {
			return nil, err
		}
	}
	return lines, nil
}
