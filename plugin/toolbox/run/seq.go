package run

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// seq is a call of seq.
type seq struct {
	separator         string
	format            string // of -f, or empty
	width             bool
	first, step, last float64
	digits            int // after the point
}

// Seq prints numbers.
func Seq(args []string) int {
	s := &seq{separator: "\n", first: 1, step: 1}
	args, err := s.options(args)
	if err == nil {
		err = s.numbers(args)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "seq: %v\nusage: seq [-w] [-f FORMAT] [-s SEPARATOR] [FIRST [STEP]] LAST\n", err)
		return 1
	}
	return s.print()
}

// options takes the options out of the arguments. A negative number is none.
func (s *seq) options(args []string) ([]string, error) {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && !strings.ContainsRune("0123456789.", rune(args[0][1])) {
		option, value, attached := args[0], "", false
		args = args[1:]
		if strings.HasPrefix(option, "--") {
			option, value, attached = strings.Cut(option, "=")
		} else if len(option) > 2 {
			option, value, attached = option[:2], option[2:], true
		}
		switch option {
		case "--":
			return args, nil
		case "-w", "--equal-width":
			s.width = true
			if attached { // other letters follow
				args = append([]string{"-" + value}, args...)
			}
			continue
		case "-s", "--separator", "-f", "--format":
		default:
			return nil, fmt.Errorf("unknown option %s", option)
		}
		if !attached {
			if len(args) == 0 {
				return nil, fmt.Errorf("%s needs a value", option)
			}
			value, args = args[0], args[1:]
		}
		if option == "-s" || option == "--separator" {
			s.separator = value
		} else if s.format = value; !numberFormat(value) {
			return nil, fmt.Errorf("%q is not a format for one number, such as %%03g", value)
		}
	}
	return args, nil
}

// numberFormat reports whether a format has one directive, which is for a number.
func numberFormat(format string) bool {
	rest := strings.ReplaceAll(format, "%%", "")
	_, directive, found := strings.Cut(rest, "%")
	if !found || strings.Contains(directive, "%") {
		return false
	}
	directive = strings.TrimLeft(directive, "-+ 0#'")
	directive = strings.TrimLeft(directive, "0123456789")
	if fraction, ok := strings.CutPrefix(directive, "."); ok {
		directive = strings.TrimLeft(fraction, "0123456789")
	}
	return directive != "" && strings.ContainsRune("efgEFG", rune(directive[0]))
}

// numbers takes the numbers.
func (s *seq) numbers(args []string) error {
	if len(args) == 0 || len(args) > 3 {
		return errors.New("one to three numbers are needed")
	}
	var values []float64
	for i, arg := range args {
		n, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			return fmt.Errorf("%q is no number", arg)
		}
		if _, fraction, ok := strings.Cut(arg, "."); ok && i < len(args)-1 { // the last number has no say
			s.digits = max(s.digits, len(fraction))
		}
		values = append(values, n)
	}
	s.last = values[len(values)-1]
	if len(values) > 1 {
		s.first = values[0]
	}
	if len(values) > 2 {
		s.step = values[1]
	}
	if s.step == 0 {
		return errors.New("the step is zero")
	}
	return nil
}

func (s *seq) print() int {
	longest := 0
	text := func(n float64) string {
		if s.format != "" {
			return fmt.Sprintf(s.format, n)
		}
		return fmt.Sprintf("%0*.*f", longest, s.digits, n)
	}
	if s.width && s.format == "" {
		longest = max(len(text(s.first)), len(text(s.last)))
	}
	out, flush := tool.Output()
	defer flush()
	for i := 0; ; i++ {
		n := s.first + float64(i)*s.step
		if s.step > 0 && n > s.last+1e-9 || s.step < 0 && n < s.last-1e-9 {
			if i > 0 {
				out.WriteString("\n")
			}
			return 0
		}
		if i > 0 {
			out.WriteString(s.separator)
		}
		if _, err := out.WriteString(text(n)); err != nil {
			return 1
		}
	}
}
