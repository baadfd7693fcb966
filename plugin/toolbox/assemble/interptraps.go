package main

// interpreterTraps are repairs of the interpreter's traps, which knew no signals, and of the variables that bash sets by itself.
var interpreterTraps = []change{
	{apiFile, `	// Fake signal callbacks
`, `	nested     bool // a subshell
	lastArg    string
	pipeStatus []string
	funcNames  []string
	line       uint

	// Fake signal callbacks
`},
	{apiFile, `		r.trapCallback(ctx, r.callbackExit, "exit")
	}
`, `		r.exitTrap(ctx)
	}
`},
	{runnerFile, `func (r *Runner) trapCallback(`, `// endNested runs a subshell's trap of EXIT. A subshell does not end the shell that has started it.
func (r *Runner) endNested(ctx context.Context) {
	r.exitTrap(ctx)
	r.exit.exiting, r.exit.returning = r.exit.fatalExit, false
}

// exitTrap runs the trap of EXIT, in which exit changes the status.
func (r *Runner) exitTrap(ctx context.Context) {
	callback := r.callbackExit
	if r.callbackExit = ""; callback == "" {
		return
	}
	file, err := syntax.NewParser().Parse(strings.NewReader(callback), "exit trap")
	if err != nil {
		r.errf("exit trap: %v\n", err)
		return
	}
	old := r.exit
	r.lastExit, r.exit = r.exit, exitStatus{}
	r.stmts(hook.Uncanceled(ctx), file.Stmts)
	if !r.exit.exiting || old.fatalExit {
		r.exit = old
	}
}

// signalTraps runs the traps of signals that have arrived.
func (r *Runner) signalTraps(ctx context.Context) {
	for !r.exit.exiting && !r.exit.returning && ctx.Err() == nil {
		command, name, ok := hook.Traps.Next()
		if !ok {
			return
		}
		file, err := syntax.NewParser().Parse(strings.NewReader(command), name+" trap")
		if err != nil {
			r.errf("%s trap: %v\n", name, err)
			continue
		}
		oldExit, oldLast := r.exit, r.lastExit
		r.exit = exitStatus{}
		r.stmts(ctx, file.Stmts)
		if !r.exit.exiting && !r.exit.returning {
			r.exit, r.lastExit = oldExit, oldLast
		}
	}
}

func (r *Runner) trapCallback(`},
	{runnerFile, `	r.exit = exitStatus{}
	if st.Background || st.Disown {
`, `	r.exit = exitStatus{}
	r.line = st.Pos().Line()
	if st.Background || st.Disown {
`},
	{runnerFile, `		r.stmtSync(ctx, st)
	}
	r.lastExit = r.exit
}
`, `		r.stmtSync(ctx, st)
	}
	r.lastExit = r.exit
	if binary, ok := st.Cmd.(*syntax.BinaryCmd); !ok || binary.Op != syntax.Pipe && binary.Op != syntax.PipeAll {
		r.pipeStatus = []string{strconv.Itoa(int(r.exit.code))}
	}
	if !r.nested {
		r.signalTraps(ctx)
	}
}
`},
	{runnerFile, `		for _, restore := range restores {
			r.setVar(`, `		r.lastArg = fields[len(fields)-1]
		for _, restore := range restores {
			r.setVar(`},
	{runnerFile, `		oldInFunc := r.inFunc
		r.inFunc = true
`, `		oldInFunc, oldNames := r.inFunc, r.funcNames
		r.inFunc, r.funcNames = true, append([]string{name}, r.funcNames...)
`},
	{runnerFile, `		r.inFunc = oldInFunc
		r.exit.returning = false
`, `		r.inFunc, r.funcNames = oldInFunc, oldNames
		r.exit.returning = false
`},
	{varsFile, `			vr.Str = "gosh"
`, `			vr.Str = hook.Name
`},
	{varsFile, `	case "DIRSTACK":
`, `	case "_":
		vr.Kind, vr.Str = expand.String, r.lastArg
	case "LINENO":
		vr.Kind, vr.Str = expand.String, strconv.Itoa(int(r.line))
	case "PIPESTATUS":
		vr.Kind, vr.List = expand.Indexed, slices.Clone(r.pipeStatus)
	case "FUNCNAME":
		if len(r.funcNames) > 0 {
			vr.Kind, vr.List = expand.Indexed, slices.Clone(r.funcNames)
		}
	case "DIRSTACK":
`},
	{varsFile, `	if vr := r.writeEnv.Get(name); vr.Declared() {
		return vr
	}
	return expand.Variable{}
`, `	if vr := r.writeEnv.Get(name); vr.Declared() {
		return vr
	}
	if text, ok := hook.Variable(name); ok {
		return expand.Variable{Set: true, Kind: expand.String, Str: text}
	}
	return expand.Variable{}
`},
	{varsFile, importExpand, importHook + importExpand},
	// A function has precedence over what the shell does itself.
	{runnerFile, `	if r.callHandler != nil {
`, `	if r.callHandler != nil && r.Funcs[args[0]] == nil {
`},
	// trap.
	{builtinFile, `			case "-l", "-p":
				return failf(2, "trap: %q: NOT IMPLEMENTED flag\n", flag)
`, `			case "-p":
				show = true
			case "-l":
				return failf(2, "trap: -l is not supported here: kill -l\n")
`},
	{builtinFile, `		callback := "-"
		for fp.more() {
`, `		callback, show := "-", false
		for fp.more() {
`},
	{builtinFile, `			if r.callbackExit != "" {
				r.outf("trap -- %q EXIT\n", r.callbackExit)
			}
			if r.callbackErr != "" {
				r.outf("trap -- %q ERR\n", r.callbackErr)
			}
		case 1:
			// assume it's a signal, the default will be restored
		default:
			callback = args[0]
			args = args[1:]
		}
		// For now, treat both empty and - the same since ERR and EXIT have no
		// default callback.
		if callback == "-" {
			callback = ""
		}
		for _, arg := range args {
			switch arg {
			case "ERR":
				r.callbackErr = callback
			case "EXIT":
				r.callbackExit = callback
			default:
				return failf(2, "trap: %s: invalid signal specification\n", arg)
			}
		}
`, `			show = true
		case 1:
			// assume it's a signal, the default will be restored
		default:
			if !show {
				callback = args[0]
				args = args[1:]
			}
		}
		if show {
			about := func(name string) bool { return len(args) == 0 || slices.Contains(args, name) }
			if r.callbackExit != "" && about("EXIT") {
				r.outf("trap -- %s EXIT\n", hook.Quoted(r.callbackExit))
			}
			if !r.nested {
				hook.Traps.Print(r.stdout, args)
			}
			if r.callbackErr != "" && about("ERR") {
				r.outf("trap -- %s ERR\n", hook.Quoted(r.callbackErr))
			}
			break
		}
		plain := callback
		if plain == "-" {
			plain = ""
		}
		for _, arg := range args {
			switch arg {
			case "ERR":
				r.callbackErr = plain
			case "EXIT", "0":
				if r.callbackExit = plain; !r.nested {
					hook.Traps.SetExit(plain != "")
				}
			default:
				if err := hook.Traps.Set(arg, callback, r.nested); err != nil {
					r.errf("trap: %v\n", err)
					exit.code = 1
				}
			}
		}
`},
	// export, readonly and declare print what there is, and quote as bash does.
	{runnerFile, `	assignLoop:
		for as := range r.flattenAssigns(cm.Args) {
`, `		if letters, ok := listed(cm); ok {
			hook.Declarations(r.stdout, r.writeEnv, letters)
			return
		}
	assignLoop:
		for as := range r.flattenAssigns(cm.Args) {
`},
	{runnerFile, `func (r *Runner) flattenAssigns(`, `// listed reports whether a declaration only prints variables, and the attributes that they have.
func listed(cm *syntax.DeclClause) (letters string, ok bool) {
	letters = map[string]string{"export": "x", "readonly": "r"}[cm.Variant.Value]
	if cm.Variant.Value == "local" {
		return "", false
	}
	for _, as := range cm.Args {
		if as.Name != nil || as.Value == nil {
			return "", false
		}
		word := as.Value.Lit()
		if len(word) < 2 || word[0] != '-' || strings.Trim(word[1:], "pxraA") != "" {
			return "", false
		}
		letters += strings.ReplaceAll(word[1:], "p", "")
	}
	return letters, true
}

func (r *Runner) flattenAssigns(`},
	{runnerFile, `				case "-a", "-A", "-n":
					valType = flag
`, `				case "-a", "-A", "-n":
					if cm.Variant.Value == "export" {
						modes = append(modes, "-n")
						continue assignLoop
					}
					valType = flag
`},
	{runnerFile, `				case "-f", "-p":
					declQuery = flag
`, `				case "-f", "-p":
					if flag == "-f" && cm.Variant.Value == "export" {
						r.errf("export: -f is not supported here: a program gets no functions\n")
						r.exit.code = 2
						return
					}
					declQuery = flag
`},
	{runnerFile, `				case "-x":
					vr.Exported = true
`, `				case "-x":
					vr.Exported = true
				case "-n":
					vr.Exported = false
`},
	{runnerFile, `						r.outf("[%d]=%q", idx, v)
`, `						r.outf("[%d]=%s", idx, hook.Double(v))
`},
	{runnerFile, `						r.outf("[%s]=%q", k, v)
`, `						r.outf("[%s]=%s", k, hook.Double(v))
`},
	{runnerFile, `					r.outf("declare -%s %s=%q\n", flags, name, vr.Str)
`, `					r.outf("declare -%s %s=%s\n", flags, name, hook.Double(vr.Str))
`},
	// The times of time went to standard output, and those of processors were 0.
	{runnerFile, `		start := time.Now()
		if cm.Stmt != nil {
`, `		start := time.Now()
		user, system := hook.Used()
		if cm.Stmt != nil {
`},
	{runnerFile, `			r.outf("\n")
		}
		real := time.Since(start)
		r.outf(format, "real", elapsedString(real, cm.PosixFormat))
		// TODO: can we do these?
		r.outf(format, "user", elapsedString(0, cm.PosixFormat))
		r.outf(format, "sys", elapsedString(0, cm.PosixFormat))
`, `			r.errf("\n")
		}
		real := time.Since(start)
		userNow, systemNow := hook.Used()
		r.errf(format, "real", elapsedString(real, cm.PosixFormat))
		r.errf(format, "user", elapsedString(userNow-user, cm.PosixFormat))
		r.errf(format, "sys", elapsedString(systemNow-system, cm.PosixFormat))
`},
}
