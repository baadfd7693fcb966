package main

// interpreterFiles are repairs of the interpreter's redirections: it knew no descriptors but 0, 1 and 2, and neither <> nor >|,
// and a part of the shell in the background lost the file that its statement had opened.
var interpreterFiles = []change{
	{apiFile, `	stdout io.Writer
	stderr io.Writer

	ecfg `, `	stdout io.Writer
	stderr io.Writer
	files  hook.Files // the other descriptors

	ecfg `},
	{runnerFile, `	if r.stdin != nil { // do not leave hc.Stdin as a typed nil
		hc.Stdin = r.stdin
	}
	return context.WithValue(ctx, handlerCtxKey{}, hc)
`, `	if r.stdin != nil { // do not leave hc.Stdin as a typed nil
		hc.Stdin = r.stdin
	}
	if kind == handlerKindCall || kind == handlerKindExec {
		ctx = hook.WithAccess(ctx, hook.Access{Files: r.files, SetVariable: r.setForHook})
	}
	return context.WithValue(ctx, handlerCtxKey{}, hc)
`},
	{runnerFile, `	oldIn, oldOut, oldErr := r.stdin, r.stdout, r.stderr
	var closers`, `	oldIn, oldOut, oldErr, oldFiles := r.stdin, r.stdout, r.stderr, r.files
	var closers`},
	{runnerFile, `		r.stdin, r.stdout, r.stderr = oldIn, oldOut, oldErr
		for`, `		r.stdin, r.stdout, r.stderr, r.files = oldIn, oldOut, oldErr, oldFiles
		for`},
	// A here-document or a file for another descriptor is opened as if for 0 or 1, and moved.
	{runnerFile, `func (r *Runner) out(s string) {
`, `func (r *Runner) setForHook(name, value string, list []string) {
	if list != nil {
		r.setVar(name, expand.Variable{Set: true, Kind: expand.Indexed, List: list})
		return
	}
	vr := expand.Variable{Set: true, Kind: expand.String, Str: value}
	element, index, ok := cutElemSubscript(name)
	if !ok {
		r.setVar(name, r.asBefore(name, vr))
		return
	}
	word := &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: index}}}
	r.setVarWithIndex(r.lookupVar(element), element, word, vr)
}

func (r *Runner) out(s string) {
`},
	{runnerFile, `func (r *Runner) redir(ctx context.Context, rd *syntax.Redirect) (io.Closer, error) {
`, `func (r *Runner) redir(ctx context.Context, rd *syntax.Redirect) (io.Closer, error) {
	if rd.N == nil || rd.N.Value == "0" || rd.N.Value == "1" || rd.N.Value == "2" {
		return r.redirStandard(ctx, rd)
	}
	name, named := strings.CutPrefix(rd.N.Value, "{")
	name = strings.TrimSuffix(name, "}")
	n, err := r.files.Free(), error(nil)
	closes := (rd.Op == syntax.DplOut || rd.Op == syntax.DplIn) && rd.Word.Lit() == "-"
	switch {
	case named && closes:
		n, err = hook.Descriptor(r.envGet(name))
	case named:
		r.setVarString(name, strconv.Itoa(n))
	default:
		n, err = hook.Descriptor(rd.N.Value)
	}
	if err != nil {
		return nil, err
	}
	if closes {
		r.files = r.files.With(n, nil)
		return nil, nil
	}
	oldIn, oldOut := r.stdin, r.stdout
	standard := *rd
	standard.N = nil
	closer, err := r.redirStandard(ctx, &standard)
	var file any = r.stdout
	switch rd.Op {
	case syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc, syntax.RdrIn, syntax.RdrInOut, syntax.DplIn:
		file = r.stdin
	}
	r.stdin, r.stdout = oldIn, oldOut
	if err == nil {
		r.files = r.files.With(n, file)
	}
	if named {
		return nil, err // it stays open
	}
	return closer, err
}

func (r *Runner) redirStandard(ctx context.Context, rd *syntax.Redirect) (io.Closer, error) {
`},
	{runnerFile, `		case "-":
			*orig = io.Discard // closing the output writer
		default:
			return nil, fmt.Errorf("unhandled %v arg: %q", rd.Op, arg)
		}
`, `		case "-":
			*orig = hook.Closed{} // closing the output writer
		case "0":
			*orig = r.stdin
		default:
			if rd.N == nil && strings.Trim(arg, "0123456789-") != "" { // >&FILE is &>FILE
				both := *rd
				both.Op = syntax.RdrAll
				return r.redirStandard(ctx, &both)
			}
			w, err := r.files.Writer(strings.TrimSuffix(arg, "-"))
			if err != nil {
				return nil, err
			}
			*orig = w
			if n, err := hook.Descriptor(strings.TrimSuffix(arg, "-")); err == nil && strings.HasSuffix(arg, "-") {
				r.files = r.files.With(n, nil)
			}
		}
`},
	{runnerFile, `		case "-":
			r.stdin = nil // closing the input file
		default:
			return nil, fmt.Errorf("unhandled %v arg: %q", rd.Op, arg)
		}
`, `		case "-":
			r.stdin = nil // closing the input file
		case "0":
		case "1":
			r.stdin, _ = r.stdout.(*os.File)
		case "2":
			r.stdin, _ = r.stderr.(*os.File)
		default:
			file, err := r.files.Reader(strings.TrimSuffix(arg, "-"))
			if err != nil {
				return nil, err
			}
			r.stdin = file
		}
`},
	{runnerFile, `	case syntax.RdrIn, syntax.RdrOut, syntax.AppOut,
		syntax.RdrAll, syntax.AppAll:
`, `	case syntax.RdrIn, syntax.RdrOut, syntax.AppOut, syntax.RdrInOut, syntax.RdrClob,
		syntax.RdrAll, syntax.AppAll:
`},
	{runnerFile, `	case syntax.RdrOut, syntax.RdrAll:
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
`, `	case syntax.RdrOut, syntax.RdrAll, syntax.RdrClob:
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	case syntax.RdrInOut:
		mode = os.O_RDWR | os.O_CREATE
	}
`},
	{runnerFile, `	f, err := r.open(ctx, arg, mode, 0o644, false)
`, `	f, err := r.open(ctx, arg, mode, 0o666, false) // the umask decides
`},
	{runnerFile, `	case syntax.RdrIn:
		stdin, err := newStdinFile(f)
`, `	case syntax.RdrIn, syntax.RdrInOut:
		if rd.Op == syntax.RdrInOut && rd.N != nil && rd.N.Value != "0" {
			*orig = f
			break
		}
		stdin, err := newStdinFile(f)
`},
	{runnerFile, `	case syntax.RdrOut, syntax.AppOut:
		*orig = f
`, `	case syntax.RdrOut, syntax.AppOut, syntax.RdrClob:
		*orig = f
`},
	// $(COMMAND) ends when all that have its output have ended, and those in the background get it too.
	{runnerFile, `			r2.stdout = w
			r2.stmts(ctx, cs.Stmts)
			r2.exit.exiting = false // subshells don't exit the parent shell
			r.lastExpandExit = r2.exit
`, `			pipe, finish, err := hook.Collect(ctx, w)
			if err != nil {
				return err
			}
			r2.stdout = pipe
			r2.nesting++
			if inherited, _ := r.bashOptByName("inherit_errexit"); !*inherited {
				r2.opts[optErrExit] = false
			}
			r2.stmts(ctx, cs.Stmts)
			r2.endNested(ctx)
			finish()
			r.lastExpandExit = r2.exit
`},
	// The last command of a pipeline changed the shell's variables and directory, and exit in it ended the shell.
	{runnerFile, `			oldIn := r.stdin
			r.stdin = pr
			var wg`, `			r3 := r.subshell(true)
			r3.stdin = pr
			var wg`},
	{runnerFile, `				r2.stmt(ctx, cm.X)
				r2.exit.exiting = false // subshells don't exit the parent shell
				pw.Close()
`, `				r2.stmt(ctx, cm.X)
				r2.endNested(ctx)
				pw.Close()
`},
	{runnerFile, `			r.stmt(ctx, cm.Y)
			pr.Close()
			wg.Wait()
			r.stdin = oldIn
`, `			r3.stmt(ctx, cm.Y)
			r3.endNested(ctx)
			r.exit = r3.exit
			pr.Close()
			wg.Wait()
			r.pipeStatus = slices.Concat(r2.pipeStatus, r3.pipeStatus)
`},
	{runnerFile, `		r2 := r.subshell(false)
		r2.stmts(ctx, cm.Stmts)
		r2.exit.exiting = false // subshells don't exit the parent shell
		r.exit = r2.exit
`, `		r2 := r.subshell(false)
		r2.stmts(ctx, cm.Stmts)
		r2.endNested(ctx)
		r.exit = r2.exit
`},
}
