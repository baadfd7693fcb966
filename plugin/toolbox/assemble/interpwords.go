package main

const (
	paramFile  = "mvdan.cc/sh/v3/expand/param.go"
	arithFile  = "mvdan.cc/sh/v3/expand/arith.go"
	expandFile = "mvdan.cc/sh/v3/expand/expand.go"
)

// interpreterWords are repairs of expansions and of smaller builtins.
var interpreterWords = []change{
	// ${x/#a/b} and ${x/%a/b} replace at the begin and at the end.
	{paramFile, `	n := 1
	if repl.All {
		n = -1
	}
	out := make([]string, len(elems))
	for i, elem := range elems {
		locs := findAllIndex(orig, elem, n)
`, `	n := 1
	if repl.All {
		n = -1
	}
	place := byte(0)
	if !repl.All && (orig[0] == '#' || orig[0] == '%') {
		place, orig = orig[0], orig[1:]
	}
	out := make([]string, len(elems))
	for i, elem := range elems {
		locs := findAllIndex(orig, elem, n)
		if place != 0 {
			locs = findAtEnd(place, orig, elem)
		}
`},
	{expandFile, `func findAllIndex(`, `func findAtEnd(place byte, pat, name string) [][]int {
	expr, err := pattern.Regexp(pat, 0)
	if err != nil {
		return nil
	}
	if expr = "^(?:" + expr + ")"; place == '%' {
		expr = expr[1:] + "$"
	}
	if at := regexp.MustCompile(expr).FindStringIndex(name); at != nil {
		return [][]int{at}
	}
	return nil
}

func findAllIndex(`},
	{paramFile, `		switch nodeLit(index) {
		case "@", "*":
		default:
			n = utf8`, `		switch nodeLit(index) {
		case "@", "*":
			if vr.Kind == Associative {
				n = len(vr.Map)
			}
		default:
			n = utf8`},
	// let "x = 1 + 2", and a variable whose value is an expression.
	{expandFile, `type Config struct {
`, `type Config struct {
	arithmetic int // values of variables that are computed

`},
	{arithFile, `		// default to 0
		return int(atoi(str)), nil
`, `		if strings.ContainsAny(strings.TrimLeft(str, "+- "), "+-*/%<>=!&|^~?:(),") {
			parsed, err := syntax.NewParser().Arithmetic(strings.NewReader(str))
			if _, word := parsed.(*syntax.Word); err == nil && parsed != nil && !word {
				if cfg.arithmetic++; cfg.arithmetic > 100 {
					return 0, fmt.Errorf("%s: expression recursion level exceeded", str)
				}
				defer func() { cfg.arithmetic-- }()
				return Arithm(cfg, parsed)
			}
		}
		// default to 0
		return int(atoi(str)), nil
`},
	// A file of a redirection that can't be opened is no end of the script.
	{runnerFile, `	case *os.PathError:
		if print {
`, `	case *os.PathError, *hook.OpenError:
		if print {
`},
	{builtinFile, `				return failf(2, "invalid exit status code: %q\n", args[0])
			}
			exit.code`, `				exit.exiting = true
				return failf(2, "exit: %q: numeric argument required\n", args[0])
			}
			exit.code`},
	{builtinFile, `			case "-p", "-q":
				return failf(2, "shopt: unsupported option %q\n", flag)
`, `			case "-q":
				quiet = true
			case "-p":
				return failf(2, "shopt: unsupported option %q\n", flag)
`},
	{builtinFile, `		mode := ""
		posixOpts := false
		fp := flagParser`, `		mode, quiet := "", false
		posixOpts := false
		fp := flagParser`},
	{builtinFile, `			default: // ""
				r.printOptLine(arg, *opt, supported)
`, `			default: // ""
				if !*opt {
					exit.code = 1
				}
				if !quiet {
					r.printOptLine(arg, *opt, supported)
				}
`},
	{builtinFile, `	case "dirs":
		for i,`, `	case "dirs":
		if len(args) == 1 && (args[0] == "-v" || args[0] == "-p") {
			for i, dir := range slices.Backward(r.dirStack) {
				if args[0] == "-v" {
					r.outf("%2d  ", len(r.dirStack)-1-i)
				}
				r.outf("%s\n", dir)
			}
			break
		}
		if len(args) == 1 && args[0] == "-c" {
			r.dirStack = append(r.dirStack[:0], r.Dir)
			break
		}
		for i,`},
}
