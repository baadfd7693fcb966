package main

const (
	environFile = "mvdan.cc/sh/v3/expand/environ.go"
	traceFile   = "mvdan.cc/sh/v3/interp/trace.go"
	testFile    = "mvdan.cc/sh/v3/interp/test.go"
	globFile    = "mvdan.cc/sh/v3/internal/pattern.go"
)

// interpreterValues are repairs of variables: declare -i, -l and -u, += for elements and associative arrays, and attributes that a new
// value does not change.
var interpreterValues = []change{
	{environFile, `	ReadOnly bool

`, `	ReadOnly bool
	Integer  bool
	Lower    bool
	Upper    bool

`},
	{environFile, `v.Exported || v.ReadOnly || v.Kind`, `v.Exported || v.ReadOnly || v.Integer || v.Lower || v.Upper || v.Kind`},
	{environFile, `	if v.ReadOnly {
		flags = append(flags, 'r')
	}
	if v.Exported {
		flags = append(flags, 'x')
	}
	return string(flags)
`, `	for _, row := range []struct {
		letter byte
		on     bool
	}{{'i', v.Integer}, {'r', v.ReadOnly}, {'x', v.Exported}, {'l', v.Lower}, {'u', v.Upper}} {
		if row.on {
			flags = append(flags, row.letter)
		}
	}
	return string(flags)
`},
	{runnerFile, `		case "declare":
			// When used`, `		case "declare", "typeset":
			// When used`},
	{runnerFile, `				case "-x", "-r":
					modes = append(modes, flag)
`, `				case "-x", "-r", "-i", "-l", "-u", "+x", "+i", "+l", "+u":
					modes = append(modes, flag)
`},
	{runnerFile, `				case "-n":
					vr.Exported = false
`, `				case "-n", "+x":
					vr.Exported = false
				case "-i", "+i":
					vr.Integer = mode == "-i"
				case "-l", "-u", "+l", "+u":
					vr.Lower, vr.Upper = mode == "-l", mode == "-u"
`},
	{varsFile, `	if err := r.writeEnv.Set(name, vr); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
`, `	if vr.Kind == expand.String && vr.Set {
		switch {
		case vr.Integer:
			expr, err := syntax.NewParser().Arithmetic(strings.NewReader(vr.Str))
			if err != nil {
				return fmt.Errorf("%s: %w", vr.Str, err)
			}
			n := 0
			if expr != nil {
				n = r.arithm(expr)
			}
			vr.Str = strconv.Itoa(n)
		case vr.Lower:
			vr.Str = strings.ToLower(vr.Str)
		case vr.Upper:
			vr.Str = strings.ToUpper(vr.Str)
		}
	}
	if err := r.writeEnv.Set(name, vr); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
`},
	{varsFile, `	r.setVar(name, expand.Variable{Set: true, Kind: expand.String, Str: value})
}
`, `	r.setVar(name, r.asBefore(name, expand.Variable{Set: true, Kind: expand.String, Str: value}))
}

// asBefore gives a variable's new value the attributes that it has.
func (r *Runner) asBefore(name string, vr expand.Variable) expand.Variable {
	prev := r.writeEnv.Get(name)
	vr.Exported = vr.Exported || prev.Exported
	vr.Integer, vr.Lower, vr.Upper = prev.Integer, prev.Lower, prev.Upper
	return vr
}

// key returns the key of an associative array's element.
func (r *Runner) key(index syntax.ArithmExpr) string {
	if word, ok := index.(*syntax.Word); ok {
		return r.literal(word)
	}
	return r.letArgString(syntax.NewPrinter(syntax.Minify(true)), index)
}

// element returns an element of an array, or nothing.
func (r *Runner) element(vr expand.Variable, index syntax.ArithmExpr) string {
	if vr.Kind == expand.Associative {
		return vr.Map[r.key(index)]
	}
	k := r.arithm(index)
	if k < 0 {
		k += internal.IndexedMax(vr.List, vr.Indexes) + 1
	}
	for i, value := range vr.List {
		if vr.Indexes == nil && i == k || vr.Indexes != nil && vr.Indexes[i] == k {
			return value
		}
	}
	return ""
}
`},
	{runnerFile, `	return e.r.setVarErr(name, vr)
`, `	return e.r.setVarErr(name, e.r.asBefore(name, vr))
`},
	{varsFile, `		switch prev.Kind {
		case expand.String, expand.Unknown:
			prev.Kind = expand.String
			prev.Str += s
`, `		if as.Index != nil && (prev.Kind == expand.Indexed || prev.Kind == expand.Associative) {
			return name, expand.Variable{Set: true, Kind: expand.String, Str: r.element(prev, as.Index) + s}
		}
		switch prev.Kind {
		case expand.String, expand.Unknown:
			prev.Kind = expand.String
			if prev.Integer {
				s = "+(" + s + ")"
			}
			prev.Str += s
`},
	{varsFile, `		if len(elems) > 0 && stringIndex(elems[0].Index) {
`, `		if prev.Kind == expand.Associative || len(elems) > 0 && stringIndex(elems[0].Index) {
`},
	{varsFile, `		for _, elem := range elems {
			k := r.literal(elem.Index.(*syntax.Word))
			amap[k] = r.literal(elem.Value)
		}
		if !as.Append {
			prev.Kind = expand.Associative
			prev.Map = amap
			return name, prev
		}
		// TODO
		return name, prev
`, `		if as.Append {
			maps.Copy(amap, prev.Map)
		}
		var pairs []string // (KEY VALUE KEY VALUE)
		for _, elem := range elems {
			if elem.Index == nil {
				pairs = append(pairs, r.fields(elem.Value)...)
				continue
			}
			amap[r.key(elem.Index)] = r.literal(elem.Value)
		}
		for pair := range slices.Chunk(pairs, 2) {
			amap[pair[0]] = strings.Join(pair[1:], "")
		}
		prev.Kind, prev.Map = expand.Associative, amap
		return name, prev
`},
	{varsFile, `		w, ok := index.(*syntax.Word)
		if !ok {
			return
		}
		k := r.literal(w)
`, `		k := r.key(index)
`},
	// A word that is not needed was expanded: a command in ${x:-$(COMMAND)} ran also if there was an x. A pattern lost its quotes.
	{paramFile, `		arg, err := Literal(cfg, pe.Exp.Word)
		if err != nil {
			return "", err
		}
`, `		arg, err := cfg.operand(pe.Exp, set, str)
		if err != nil {
			return "", err
		}
`},
	{paramFile, `		arg, err := Literal(cfg, pe.Exp.Word)
		if err != nil {
			return nil, err
		}
`, `		arg, err := cfg.operand(pe.Exp, true, "")
		if err != nil {
			return nil, err
		}
`},
	{paramFile, `func removePattern(str, pat string, fromEnd, shortest bool) string {
	var mode pattern.Mode
`, `// operand expands the word of an expansion, if it is needed for a parameter with this value.
func (cfg *Config) operand(exp *syntax.Expansion, set bool, value string) (string, error) {
	needed := true
	switch exp.Op {
	case syntax.AlternateUnset:
		needed = set
	case syntax.AlternateUnsetOrNull:
		needed = value != ""
	case syntax.DefaultUnset, syntax.ErrorUnset, syntax.AssignUnset:
		needed = !set
	case syntax.DefaultUnsetOrNull, syntax.ErrorUnsetOrNull, syntax.AssignUnsetOrNull:
		needed = value == ""
	case syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix:
		return Pattern(cfg, exp.Word)
	}
	if !needed {
		return "", nil
	}
	return Literal(cfg, exp.Word)
}

func removePattern(str, pat string, fromEnd, shortest, extended bool) string {
	var mode pattern.Mode
	if extended {
		mode |= pattern.ExtendedOperators
	}
`},
	{paramFile, `removePattern(elem, arg, suffix, small)`, `removePattern(elem, arg, suffix, small, cfg.ExtGlob)`},
	{paramFile, `findAllIndex(orig, elem, n)`, `findAllIndex(orig, elem, n, cfg.ExtGlob)`},
	{expandFile, `func findAllIndex(pat, name string, n int) [][]int {
	expr, err := pattern.Regexp(pat, 0)
`, `func findAllIndex(pat, name string, n int, extended bool) [][]int {
	var mode pattern.Mode
	if extended {
		mode |= pattern.ExtendedOperators
	}
	expr, err := pattern.Regexp(pat, mode)
`},
	// $LINENO in PS4 is the line of the command.
	{paramFile, `	case "LINENO":
		// This is the only parameter expansion that the environment
		// interface cannot satisfy.
		line := uint64(cfg.curParam.Pos().Line())
		vr = Variable{Set: true, Kind: String, Str: strconv.FormatUint(line, 10)}
	default:
`, `	default:
`},
	{builtinFile, `		if n >= len(r.Params) {
			r.Params = nil
		} else {
			r.Params = r.Params[n:]
		}
`, `		if n < 0 || n > len(r.Params) {
			exit.code = 1
			return exit
		}
		r.Params = r.Params[n:]
`},
	// !(PATTERN) with other patterns around it.
	{globFile, `		negErr, ok := errors.AsType[*pattern.NegExtGlobError](err)
		if !ok {
			return nil, err
		}
		return extNegatedMatcher(pat, negErr.Groups)
`, `		if _, ok := errors.AsType[*pattern.NegExtGlobError](err); !ok {
			return nil, err
		}
		return func(name string) bool { return glob.Match(pat, name, mode) }, nil
`},
	{globFile, `	"mvdan.cc/sh/v3/pattern"
`, `	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/glob"
	"mvdan.cc/sh/v3/pattern"
`},
}

// interpreterOptions are repairs of options, and of what set -x prints.
var interpreterOptions = []change{
	{runnerFile, `	matcher, err := internal.ExtendedPatternMatcher(pat, pattern.EntireString|pattern.ExtendedOperators)
`, `	mode := pattern.EntireString | pattern.ExtendedOperators
	if on, _ := r.bashOptByName("nocasematch"); *on {
		mode |= pattern.NoGlobCase
	}
	matcher, err := internal.ExtendedPatternMatcher(pat, mode)
`},
	{testFile, `		re, err := regexp.Compile(y)
`, `		if on, _ := r.bashOptByName("nocasematch"); *on {
			y = "(?i)" + y
		}
		re, err := regexp.Compile(y)
`},
	{apiFile, `	{name: "nocasematch"},
`, `	{name: "nocasematch", supported: true},
`},
	{apiFile, `	{
		name:         "inherit_errexit",
		defaultState: true,
	},
`, `	{name: "inherit_errexit", supported: true},
`},
	{builtinFile, `				if !supported {
					return failf(1, "shopt: unsupported option %q\n", arg)
`, `				if !supported && !hook.Settled(arg) {
					return failf(1, "shopt: unsupported option %q\n", arg)
`},
	{builtinFile, `	if supported {
		r.outf("%s\t%s\n", name, state)
		return
	}
	r.outf("%s\t%s\t(%q not supported)\n", name, state, r.optStatusText(!enabled))
`, `	r.outf("%-15s\t%s\n", name, state)
`},
	{apiFile, `				for i, opt := range &posixOptsTable {
					r.printOptLine(opt.name, r.opts[i], true)
				}
				continue
`, `				r.printSettings(false)
				continue
`},
	{apiFile, `				for i, opt := range &posixOptsTable {
					setFlag := "+o"
					if r.opts[i] {
						setFlag = "-o"
					}
					r.outf("set %s %s\n", setFlag, opt.name)
				}
				continue
`, `				r.printSettings(true)
				continue
`},
	{apiFile, `func (r *Runner) posixOptByName(`, `// printSettings prints the options of set, or commands that set them.
func (r *Runner) printSettings(commands bool) {
	for _, name := range hook.SettingNames {
		on := hook.SettingOn(name)
		if opt := r.posixOptByName(name); opt != nil {
			on = *opt
		}
		switch {
		case !commands:
			r.printOptLine(name, on, true)
		case on:
			r.outf("set -o %s\n", name)
		default:
			r.outf("set +o %s\n", name)
		}
	}
}

func (r *Runner) posixOptByName(`},
	{varsFile, `		// Note that we don't support some of Bash's flags, such as h or B.
		vr.Kind, vr.Str = expand.String, r.posixOptFlags()
`, `		vr.Kind, vr.Str = expand.String, hook.OptionLetters(r.posixOptFlags())
`},
	// set -x quoted all arguments of a builtin as one, and wrote into the file of 2>FILE.
	{apiFile, `	nested     bool // a subshell
`, `	nested     bool // a subshell
	nesting    int  // of $(COMMAND) and eval
	traceTo    io.Writer
`},
	{apiFile, `		nested: true, inFunc`, `		nesting: r.nesting, traceTo: r.traceTo, nested: true, inFunc`},
	{runnerFile, `	oldIn, oldOut, oldErr, oldFiles := r.stdin, r.stdout, r.stderr, r.files
`, `	oldIn, oldOut, oldErr, oldFiles := r.stdin, r.stdout, r.stderr, r.files
	r.traceTo = oldErr
`},
	{runnerFile, `		r.lastExpandExit = exitStatus{}
		fields := r.fields(args...)
`, `		if trace != nil && r.traceTo != nil {
			trace.output = r.traceTo
		}
		r.lastExpandExit = exitStatus{}
		fields := r.fields(args...)
`},
	{runnerFile, `					trace.stringf("%s=%s", name, quoteBash(vr.String()))
				}
				trace.newLineFlush()
`, `					trace.assigned(as, prev, vr)
				}
				trace.newLineFlush()
`},
	{runnerFile, `			restores = append(restores, restoreVar{name, prev})
`, `			if tracingEnabled && as.Value != nil {
				trace.stringf("%s=%s", name, hook.Traced(vr.String(), true))
				trace.newLineFlush()
			}
			restores = append(restores, restoreVar{name, prev})
`},
	{runnerFile, `	case *syntax.ArithmCmd:
`, `	case *syntax.ArithmCmd:
		trace.arithmetic(r, cm.X)
`},
	{runnerFile, `			if y.Init != nil {
				r.arithm(y.Init)
			}
			for y.Cond == nil || r.arithm(y.Cond) != 0 {
`, `			if y.Init != nil {
				trace.arithmetic(r, y.Init)
				r.arithm(y.Init)
			}
			holds := func() bool {
				trace.arithmetic(r, y.Cond)
				return r.arithm(y.Cond) != 0
			}
			for y.Cond == nil || holds() {
`},
	{runnerFile, `				if y.Post != nil {
					r.arithm(y.Post)
`, `				if y.Post != nil {
					trace.arithmetic(r, y.Post)
					r.arithm(y.Post)
`},
	{builtinFile, `		r.stmts(ctx, file.Stmts)
		exit = r.exit
	case "source", ".":
`, `		r.nesting++
		r.stmts(ctx, file.Stmts)
		r.nesting--
		exit = r.exit
	case "source", ".":
`},
	{builtinFile, `		r.inSource = true // know that we're inside a sourced script.
		r.stmts(ctx, file.Stmts)
`, `		r.inSource = true // know that we're inside a sourced script.
		r.nesting++
		r.stmts(ctx, file.Stmts)
		r.nesting--
`},
	{traceFile, `	needsPlus bool
}
`, `	needsPlus bool
	runner    *Runner
}

// prefix returns PS4. Its first character is repeated for each level of nesting.
func (t *tracer) prefix() string {
	vr := t.runner.lookupVar("PS4")
	if !vr.IsSet() {
		return strings.Repeat("+", t.runner.nesting+1) + " "
	}
	text := vr.String()
	if strings.ContainsAny(text, "$\x60") {
		on := &t.runner.opts[optXTrace]
		*on = false
		if word, err := syntax.NewParser().Document(strings.NewReader(text)); err == nil {
			text = t.runner.document(word)
		}
		*on = true
	}
	if text == "" {
		return ""
	}
	_, size := utf8.DecodeRuneInString(text)
	return strings.Repeat(text[:size], t.runner.nesting) + text
}

// arithmetic prints an arithmetic command.
func (t *tracer) arithmetic(r *Runner, expr syntax.ArithmExpr) {
	if t == nil {
		return
	}
	t.stringf("(( %s ))", r.letArgString(syntax.NewPrinter(syntax.Minify(true)), expr))
	t.newLineFlush()
}

// assigned prints an assignment as it was written, with its value expanded.
func (t *tracer) assigned(as *syntax.Assign, prev, vr expand.Variable) {
	if t == nil {
		return
	}
	name, value := as.Name.Value, vr.String()
	if as.Index != nil {
		name += "[" + t.runner.key(as.Index) + "]"
	}
	if as.Append {
		name += "+"
		value = strings.TrimPrefix(value, prev.String())
	}
	t.string(name + "=" + hook.Traced(value, true))
}
`},
	{traceFile, `		output:    r.stderr,
		needsPlus: true,
`, `		output:    r.stderr,
		needsPlus: true,
		runner:    r,
`},
	{traceFile, `func (t *tracer) string(s string) {
	if t == nil {
		return
	}

	if t.needsPlus {
		t.buf.WriteString("+ ")
	}
`, `func (t *tracer) string(s string) {
	if t == nil {
		return
	}

	if t.needsPlus {
		t.buf.WriteString(t.prefix())
	}
`},
	{traceFile, `func (t *tracer) expr(x syntax.Node) {
	if t == nil {
		return
	}

	if t.needsPlus {
		t.buf.WriteString("+ ")
	}
`, `func (t *tracer) expr(x syntax.Node) {
	if t == nil {
		return
	}

	if t.needsPlus {
		t.buf.WriteString(t.prefix())
	}
`},
	{traceFile, `	s := strings.Join(args, " ")
	if strings.TrimSpace(s) == "" {
		// fields may be empty for function () {} declarations
		t.string(cmd)
	} else if IsBuiltin(cmd) {
		t.stringf("%s %s", cmd, quoteBash(s))
	} else {
		t.stringf("%s %s", cmd, s)
	}
`, `	words := []string{hook.Traced(cmd, false)}
	for _, arg := range args {
		words = append(words, hook.Traced(arg, false))
	}
	t.string(strings.Join(words, " "))
`},
	{traceFile, `	"strings"

`, `	"strings"
	"unicode/utf8"

` + importHook + importExpand},
	// What [[ finds is printed, too.
	{testFile, `		if r.binTest(ctx, x.Op, r.bashTest(ctx, x.X, classic), r.bashTest(ctx, x.Y, classic)) {
			return "1"
		}
		return ""
`, `		if x.Op == syntax.AndTest || x.Op == syntax.OrTest {
			if left := r.bashTest(ctx, x.X, classic) != ""; left == (x.Op == syntax.OrTest) {
				return map[bool]string{true: "1"}[left]
			}
			return r.bashTest(ctx, x.Y, classic)
		}
		left, right := r.bashTest(ctx, x.X, classic), r.bashTest(ctx, x.Y, classic)
		r.traceTest(classic, hook.Term(left), x.Op.String(), hook.Term(right))
		if r.binTest(ctx, x.Op, left, right) {
			return "1"
		}
		return ""
`},
	{testFile, `				pattern := r.pattern(yw)
`, `				pattern := r.pattern(yw)
				r.traceTest(classic, hook.Term(str), x.Op.String(), hook.Term(pattern))
`},
	{testFile, `		if r.unTest(ctx, x.Op, r.bashTest(ctx, x.X, classic)) {
`, `		operand := r.bashTest(ctx, x.X, classic)
		if x.Op != syntax.TsNot {
			r.traceTest(classic, x.Op.String(), hook.Term(operand))
		}
		if r.unTest(ctx, x.Op, operand) {
`},
	{testFile, `func (r *Runner) statMode(`, `// traceTest prints a part of [[ as set -x does.
func (r *Runner) traceTest(classic bool, words ...string) {
	if trace := r.tracer(); trace != nil && !classic {
		trace.string("[[ " + strings.Join(words, " ") + " ]]")
		trace.newLineFlush()
	}
}

func (r *Runner) statMode(`},
	{testFile, `	"regexp"

`, `	"regexp"
	"strings"

` + importHook},
}
