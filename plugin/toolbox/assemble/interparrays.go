package main

const parserFile = "mvdan.cc/sh/v3/syntax/parser.go"

// interpreterArrays are repairs of elements of arrays, and of how words are split. An element that was assigned in an arithmetic
// expression, as in ((a[0]++)), ended the shell.
var interpreterArrays = []change{
	{arithFile, `			name := expr.X.(*syntax.Word).Lit()
			old := atoi(cfg.envGet(name))
			val := old
			if expr.Op == syntax.Inc {
				val++
			} else {
				val--
			}
			if err := cfg.envSet(name, strconv.FormatInt(val, 10)); err != nil {
				return 0, err
			}
`, `			at, err := cfg.placeOf(expr.X)
			if err != nil {
				return 0, err
			}
			old := at.value
			val := old
			if expr.Op == syntax.Inc {
				val++
			} else {
				val--
			}
			if err := cfg.assignPlace(at, val); err != nil {
				return 0, err
			}
`},
	{arithFile, `	name := b.X.(*syntax.Word).Lit()
	val := atoi(cfg.envGet(name))
	arg_, err := Arithm(cfg, b.Y)
`, `	at, err := cfg.placeOf(b.X)
	if err != nil {
		return 0, err
	}
	val := at.value
	arg_, err := Arithm(cfg, b.Y)
`},
	{arithFile, `	if err := cfg.envSet(name, strconv.FormatInt(val, 10)); err != nil {
		return 0, err
	}
	return int(val), nil
}
`, `	if err := cfg.assignPlace(at, val); err != nil {
		return 0, err
	}
	return int(val), nil
}

// place is a variable or an element of an array that an arithmetic expression changes.
type place struct {
	name  string
	vr    Variable
	index syntax.ArithmExpr // a word that is expanded already, or nil
	value int64             // at present
}

func (cfg *Config) placeOf(expr syntax.ArithmExpr) (at place, err error) {
	word, ok := expr.(*syntax.Word)
	if !ok {
		return at, fmt.Errorf("attempted assignment to non-variable")
	}
	at.name = word.Lit()
	var index syntax.ArithmExpr
	if len(word.Parts) == 1 {
		if pe, ok := word.Parts[0].(*syntax.ParamExp); ok && pe.Param != nil && pe.Exp == nil && pe.Repl == nil && pe.Slice == nil {
			at.name, index = pe.Param.Value, pe.Index
		}
	}
	if !syntax.ValidName(at.name) {
		return at, fmt.Errorf("attempted assignment to non-variable")
	}
	at.vr = cfg.Env.Get(at.name)
	if name, vr := at.vr.Resolve(cfg.Env); name != "" {
		at.name, at.vr = name, vr
	}
	text := ""
	if index != nil {
		if at.vr.Kind == Associative {
			text, err = cfg.key(index)
		} else {
			var n int
			n, err = Arithm(cfg, index)
			text = strconv.Itoa(n)
		}
		at.index = &syntax.Word{Parts: []syntax.WordPart{&syntax.SglQuoted{Value: text}}}
	}
	if err != nil {
		return at, err
	}
	if text, _, err = cfg.varInd(at.vr, at.index); err != nil {
		return at, err
	}
	at.value = atoi(text)
	return at, nil
}

func (cfg *Config) assignPlace(at place, value int64) error {
	text := strconv.FormatInt(value, 10)
	if at.index == nil && at.vr.Kind != Indexed && at.vr.Kind != Associative {
		return cfg.envSet(at.name, text)
	}
	return cfg.assignElem(at.name, cfg.Env.Get(at.name), at.index, text)
}

// key returns the key of an associative array's element.
func (cfg *Config) key(index syntax.ArithmExpr) (string, error) {
	if word, ok := index.(*syntax.Word); ok {
		return Literal(cfg, word)
	}
	var text strings.Builder
	let := &syntax.LetClause{Let: index.Pos(), Exprs: []syntax.ArithmExpr{index}}
	if err := syntax.NewPrinter(syntax.Minify(true)).Print(&text, let); err != nil {
		return "", err
	}
	return strings.TrimPrefix(text.String(), "let "), nil
}
`},
	{paramFile, `		val, err := Literal(cfg, idx.(*syntax.Word))
		if err != nil {
			return "", false, err
		}
`, `		val, err := cfg.key(idx)
		if err != nil {
			return "", false, err
		}
`},
	{paramFile, `			if key, err = Literal(cfg, idx.(*syntax.Word)); err != nil {
`, `			if key, err = cfg.key(idx); err != nil {
`},
	// A key such as www.example.org is no arithmetic expression.
	{parserFile, `func (p *Parser) eitherIndex() ArithmExpr {
	old := p.quote
	lpos := p.pos
`, `// literalKey reports whether an index is a name with points, colons or at signs in it, which no arithmetic expression is.
func (p *Parser) literalKey() bool {
	text, _, closed := strings.Cut(string(p.r)+string(p.bs[min(int(p.bsp), len(p.bs)):]), "]")
	name, rest, found := "", "", false
	if at := strings.IndexAny(text, ".:@"); at > 0 {
		name, rest, found = text[:at], text[at:], true
	}
	return closed && found && ValidName(strings.ReplaceAll(name, "-", "_")) && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:@") == ""
}

func (p *Parser) eitherIndex() ArithmExpr {
	old := p.quote
	lpos := p.pos
	if !p.lang.in(LangZsh) && p.literalKey() {
		pos := p.nextPos()
		for p.newLit(p.r); p.r != runeEOF && p.r != ']'; p.rune() {
		}
		word := &Word{Parts: []WordPart{p.lit(pos, p.endLit())}}
		p.quote = paramExpArithm
		p.next()
		p.quote = old
		p.matchedArithm(lpos, leftBrack, rightBrack)
		return word
	}
`},
	// ${10}, which is no $1 and a 0.
	{varsFile, `			vr.Str = r.Params[i]
		}
	}
`, `			vr.Str = r.Params[i]
		}
	default:
		if i, err := strconv.Atoi(name); err == nil && i >= 10 && i <= len(r.Params) {
			vr.Kind, vr.Str = expand.String, r.Params[i-1]
		}
	}
`},
	// declare -gA and the like: the second letter was passed over.
	{runnerFile, `			fp := flagParser{remaining: []string{as.Name.Value}}
`, `			fp, letters := flagParser{remaining: []string{as.Name.Value}}, false
`},
	{runnerFile, `					r.errf("declare: invalid option %q\n", flag)
					r.exit.code = 2
					return
				}
				continue assignLoop
			}
`, `					r.errf("declare: invalid option %q\n", flag)
					r.exit.code = 2
					return
				}
				letters = true
			}
			if letters {
				continue assignLoop
			}
`},
	{runnerFile, `				case "-g":
					global = true
`, `				case "-F":
					declQuery = flag
				case "-g":
					global = true
`},
	{runnerFile, `			if declQuery == "-f" {
`, `			if declQuery == "-F" {
				if r.Funcs[name] == nil {
					r.exit.code = 1
				} else {
					r.outf("%s\n", name)
				}
				continue
			}
			if declQuery == "-f" {
`},
	{testFile, `		return r.lookupVar(x).IsSet()
`, `		name, index, ok := cutElemSubscript(x)
		if !ok {
			return r.lookupVar(x).IsSet()
		}
		vr := r.lookupVar(name)
		if vr.Kind == expand.Associative {
			_, ok = vr.Map[index]
			return ok
		}
		word, err := syntax.NewParser().Arithmetic(strings.NewReader(index))
		if err != nil || word == nil {
			return false
		}
		k := r.arithm(word)
		if vr.Indexes != nil {
			return slices.Contains(vr.Indexes, k)
		}
		return vr.Kind == expand.Indexed && k < len(vr.List) || vr.Kind == expand.String && k == 0
`},
	// "${@:-word}".
	{expandFile, `		// Operators like "${foo[@]#prefix}" apply to each element.
`, `		if pe.Exp != nil {
			other := false
			switch pe.Exp.Op {
			case syntax.DefaultUnset, syntax.DefaultUnsetOrNull:
				other = len(elems) == 0
			case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
				other = len(elems) > 0
			}
			if other {
				text, err := Literal(cfg, pe.Exp.Word)
				return []string{text}, err
			}
		}
		// Operators like "${foo[@]#prefix}" apply to each element.
`},
	{paramFile, `			return cfg.caseConvElems(op, arg, elems), nil
		}
	}
	return elems, nil
`, `			return cfg.caseConvElems(op, arg, elems), nil
		case syntax.OtherParamOps:
			change := map[string]func(string) string{"Q": singleQuoted, "U": strings.ToUpper, "L": strings.ToLower}[arg]
			if change == nil {
				return elems, nil
			}
			out := make([]string, len(elems))
			for i, elem := range elems {
				out[i] = change(elem)
			}
			return out, nil
		}
	}
	return elems, nil
`},
	{paramFile, `				str, err = syntax.Quote(str, syntax.LangBash)
				if err != nil {
					// Is this even possible? If a user runs into this panic,
					// it's most likely a bug we need to fix.
					panic(err)
				}
`, `				str = singleQuoted(str)
`},
	{paramFile, `func removePattern(`, `// singleQuoted quotes a text as ${x@Q} does.
func singleQuoted(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		if quoted, err := syntax.Quote(text, syntax.LangBash); err == nil {
			return quoted
		}
	}
	return "'" + strings.ReplaceAll(text, "'", ` + "`'\\''`" + `) + "'"
}

func removePattern(`},
	// Patterns of extglob without other signs.
	{expandFile, `	escaped = sb.String()
	if pattern.HasMeta(escaped, 0) {
`, `	escaped = sb.String()
	if cfg.hasMeta(escaped) {
`},
	{expandFile, `		case !pattern.HasMeta(part, 0):
`, `		case !cfg.hasMeta(part):
`},
	{expandFile, `// Fields is a pre-iterators API`, `// hasMeta reports whether a pattern is more than a text.
func (cfg *Config) hasMeta(pat string) bool {
	if pattern.HasMeta(pat, 0) {
		return true
	}
	for at := range len(pat) - 1 {
		if cfg.ExtGlob && pat[at+1] == '(' && strings.IndexByte("!@+", pat[at]) >= 0 && (at == 0 || pat[at-1] != '\\') {
			return true
		}
	}
	return false
}

// Expression expands a word as a regular expression. What is quoted stands for itself.
func Expression(cfg *Config, word *syntax.Word) (string, error) {
	cfg = prepareConfig(cfg)
	field, err := cfg.wordField(word.Parts, quoteNone)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, part := range field {
		if part.quote > quoteNone {
			out.WriteString(regexp.QuoteMeta(part.val))
		} else {
			out.WriteString(part.val)
		}
	}
	return out.String(), nil
}

// Fields is a pre-iterators API`},
	{expandFile, `strings.ContainsAny(part.val, "*?[")`, `strings.ContainsAny(part.val, "*?[(")`},
	{expandFile, `		fieldStart := -1
		for i, r := range val {
			if cfg.ifsRune(r) {
				if fieldStart >= 0 { // ending a field
					curField = append(curField, fieldPart{val: val[fieldStart:i]})
					fieldStart = -1
				}
				flush()
			} else {
				if fieldStart < 0 { // starting a new field
					fieldStart = i
				}
			}
		}
`, `		fieldStart, afterSign := -1, true
		for i, r := range val {
			if !cfg.ifsRune(r) {
				if fieldStart < 0 { // starting a new field
					fieldStart = i
				}
				continue
			}
			sign := !cfg.ifsWhitespace(r)
			if fieldStart >= 0 { // ending a field
				curField = append(curField, fieldPart{val: val[fieldStart:i]})
				fieldStart = -1
			}
			switch {
			case len(curField) > 0:
				flush()
				afterSign = sign
			case sign && afterSign: // an empty field
				fields = append(fields, []fieldPart{{}})
			case sign:
				afterSign = true
			}
		}
`},
	// A sign of IFS that is no blank ends a field, also an empty one.
	{expandFile, `		if infield {
			if cfg.ifsRune(r) && (raw || !esc) {
				fpos[len(fpos)-1].end = len(runes)
				infield = false
			}
		} else {
`, `		sign := cfg.ifsRune(r) && !cfg.ifsWhitespace(r) && (raw || !esc) && r != '\\'
		if infield {
			if cfg.ifsRune(r) && (raw || !esc) {
				fpos[len(fpos)-1].end = len(runes)
				infield = false
			}
			ended = sign
		} else if sign && (ended || len(fpos) == 0) {
			fpos = append(fpos, pos{start: len(runes), end: len(runes)})
			ended = true
		} else if sign {
			ended = true
		} else {
`},
	{expandFile, `	infield := false
	esc := false
	for _, r := range s {
		sign :=`, `	infield, ended := false, false
	esc := false
	for _, r := range s {
		sign :=`},
}

// interpreterBuiltins are repairs of smaller builtins, and of what a subshell that is no process of its own must not change.
var interpreterBuiltins = []change{
	{builtinFile, `		switch len(args) {
		case 0:
		case 1:
			n, err := strconv.Atoi(args[0])
			if err != nil {
				return failf(2, "invalid return status code`, `		switch len(args) {
		case 0:
			exit.code = r.lastExit.code
		case 1:
			n, err := strconv.Atoi(args[0])
			if err != nil {
				return failf(2, "invalid return status code`},
	{builtinFile, `			if mode == "-p" || mode == "-P" {
`, `			if _, ok := r.Funcs[arg]; mode == "-p" && (ok || IsBuiltin(arg) || syntax.IsKeyword(arg)) {
				continue
			}
			if mode == "-p" || mode == "-P" {
`},
	{builtinFile, `				show = true
			default:
				return failf(2, "command: invalid option %q\n", flag)
`, `				show = true
			case "-V":
				return r.builtin(ctx, pos, "type", fp.args())
			case "-p": // PATH is what it is here
			default:
				return failf(2, "command: invalid option %q\n", flag)
`},
	{builtinFile, `		exit.oneIf(r.bashTest(ctx, expr, true) == "")
`, `		exit.oneIf(r.bashTest(ctx, expr, true) == "")
		if r.badTest {
			r.badTest, exit.code = false, 2
		}
`},
	{apiFile, `	traceTo    io.Writer
`, `	traceTo    io.Writer
	notExpanded bool
	badTest    bool // test has got no number where it needs one
	shells     int  // that this one is a subshell of
`},
	{apiFile, `		nesting: r.nesting, traceTo`, `		shells: r.shells + 1, nesting: r.nesting, traceTo`},
	{varsFile, `	case "PIPESTATUS":
`, `	case "BASH_SUBSHELL":
		vr.Kind, vr.Str = expand.String, strconv.Itoa(r.shells)
	case "PIPESTATUS":
`},
	{testFile, `		left, right := r.bashTest(ctx, x.X, classic), r.bashTest(ctx, x.Y, classic)
`, `		left, right := r.bashTest(ctx, x.X, classic), ""
		if word, ok := x.Y.(*syntax.Word); ok && x.Op == syntax.TsReMatch && !classic {
			expr, err := expand.Expression(r.ecfg, word)
			r.expandErr(err)
			right = expr
		} else {
			right = r.bashTest(ctx, x.Y, classic)
		}
		switch x.Op {
		case syntax.TsEql, syntax.TsNeq, syntax.TsLeq, syntax.TsGeq, syntax.TsLss, syntax.TsGtr:
			for _, operand := range []*string{&left, &right} {
				text := strings.TrimSpace(*operand)
				if _, err := strconv.ParseInt(text, 10, 64); err == nil {
					*operand = text
					continue
				}
				if classic {
					r.errf("test: %q: integer expression expected\n", text)
					r.badTest = true
					return ""
				}
				if expr, err := syntax.NewParser().Arithmetic(strings.NewReader(text)); err == nil && expr != nil {
					*operand = strconv.Itoa(r.arithm(expr))
				}
			}
		}
`},
	{testFile, `	"regexp"
	"strings"
`, `	"regexp"
	"slices"
	"strconv"
	"strings"
`},
	{runnerFile, `	case *syntax.Subshell:
`, `	case *syntax.Subshell:
		defer hook.KeepMask()()
`},
	{runnerFile, `						r.errf("\n")
						r.exit.code = 1
						break
`, `						r.outf("\n")
						r.exit.code = 1
						break
`},
	// An error in an expression ends a script, as one of ${x?word} does.
	{runnerFile, `		r.exit.code = 1
		r.exit.exiting = true
	case errors.Is`, `		r.exit.code = 1
		if unsetParam && hook.Mode == 'c' && !r.opts[optErrExit] {
			r.exit.code = 127
		}
		r.exit.exiting = hook.Mode != 'i' // a shell at a terminal goes on with the next line
		r.notExpanded = !r.exit.exiting
	case errors.Is`},
	{runnerFile, `		fields := r.fields(args...)
		if len(fields) == 0 {
`, `		fields := r.fields(args...)
		if r.notExpanded {
			r.notExpanded = false
			break
		}
		if len(fields) == 0 {
`},
	{runnerFile, `	case unsetParam, errMsg == "invalid indirect expansion":
`, `	case unsetParam, errMsg == "invalid indirect expansion", errMsg == "division by zero":
`},
	// coproc.
	{runnerFile, `	default:
		// Should only happen if we forgot a case above.
		r.errf("unhandled command node: %T\n", cm)
`, `	case *syntax.CoprocClause:
		name := "COPROC"
		if cm.Name != nil {
			name = r.literal(cm.Name)
		}
		input, toIt, err := os.Pipe()
		if err != nil {
			r.exit.fatal(err)
			return
		}
		fromIt, output, err := os.Pipe()
		if err != nil {
			r.exit.fatal(err)
			return
		}
		oldIn, oldOut := r.stdin, r.stdout
		r.stdin, r.stdout = input, output
		st := *cm.Stmt
		st.Background = true
		r.stmt(ctx, &st)
		r.stdin, r.stdout = oldIn, oldOut
		input.Close()
		output.Close()
		const read, write = 63, 60 // as in bash
		r.files = r.files.With(read, hook.Own{File: fromIt}).With(write, hook.Own{File: toIt})
		r.setVar(name, expand.Variable{Set: true, Kind: expand.Indexed, List: []string{strconv.Itoa(read), strconv.Itoa(write)}})
		r.setVarString(name+"_PID", r.envGet("!"))
	default:
		// Should only happen if we forgot a case above.
		r.errf("unhandled command node: %T\n", cm)
`},
}
