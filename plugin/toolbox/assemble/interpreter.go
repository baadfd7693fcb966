package main

const (
	runnerFile  = "mvdan.cc/sh/v3/interp/runner.go"
	apiFile     = "mvdan.cc/sh/v3/interp/api.go"
	varsFile    = "mvdan.cc/sh/v3/interp/vars.go"
	builtinFile = "mvdan.cc/sh/v3/interp/builtin.go"

	importExpand = "	\"mvdan.cc/sh/v3/expand\"\n"
	importHook   = "	\"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook\"\n"
)

// interpreter are repairs of the shell's interpreter. It runs "COMMAND &" as a part of itself, and knew no processes of it:
// $! was no process's number, and nothing could end the part. It ended with the statement that had started it, since that
// ends its context.
var interpreter = []change{
	{apiFile, importExpand, importHook + importExpand},
	{apiFile, `type bgProc struct {
`, `func (r *Runner) bgName(n int) string {
	if part := r.bgProcs[n-1].part; part != nil {
		return part.Name()
	}
	return "g" + strconv.Itoa(n)
}

func (r *Runner) bgNamed(name string) *bgProc {
	for i := len(r.bgProcs) - 1; i >= 0; i-- {
		bg := &r.bgProcs[i]
		if bg.part != nil && bg.part.IsNamed(name) || bg.part == nil && name == r.bgName(i+1) {
			return bg
		}
	}
	return nil
}

type bgProc struct {
	part   hook.Part // nil: a process substitution
	waited bool      // wait -n has returned its status

`},
	{varsFile, `			vr.Kind, vr.Str = expand.String, "g"+strconv.Itoa(n)
		}
`, `			vr.Kind, vr.Str = expand.String, r.bgName(n)
		} else if n := len(r.bgAbove); n > 0 { // of the shell that this is a subshell of
			vr.Kind, vr.Str = expand.String, (&Runner{bgProcs: r.bgAbove}).bgName(n)
		}
`},
	{apiFile, `	bgProcs []bgProc

	opts`, `	bgProcs []bgProc
	bgAbove []bgProc

	opts`},
	{apiFile, `		origStdout: r.origStdout, // used for process substitutions
	}
`, `		origStdout: r.origStdout, // used for process substitutions

		nested: true, inFunc: r.inFunc, inSource: r.inSource, files: r.files, lastArg: r.lastArg, pipeStatus: r.pipeStatus,
		funcNames: r.funcNames, line: r.line, noErrExit: r.noErrExit, bgAbove: r.bgProcs,
	}
	if len(r.bgProcs) == 0 {
		r2.bgAbove = r.bgAbove
	}
`},
	{runnerFile, importExpand, importHook + importExpand},
	{runnerFile, `		go func() {
			r2.Run(ctx, &st2)
			r2.exit.exiting = false // subshells don't exit the parent shell
			*bg.exit = r2.exit
			close(bg.done)
		}()
`, `		partCtx, part := hook.Background(ctx, &st2)
		r.bgProcs[len(r.bgProcs)-1].part = part
		r2.stdin = part.Input(r2.stdin)
		r2.stdout, r2.stderr = part.Output(r2.stdout), part.Output(r2.stderr)
		go func() {
			err := r2.Run(partCtx, &st2)
			*bg.exit = exitStatus{code: part.Ended(err, r2.exit.code)} // a subshell doesn't exit the parent shell
			close(bg.done)
		}()
		part.Started()
`},
	{builtinFile, `			for _, bg := range r.bgProcs {
				<-bg.done
			}
`, `			for i, bg := range r.bgProcs {
				status, err := hook.Wait(ctx, bg.done)
				if err != nil || status != 0 {
					exit.code = status
					exit.fatal(err)
					return exit
				}
				r.bgProcs[i].waited = true
			}
`},
	{builtinFile, `			arg, ok := strings.CutPrefix(arg, "g")
			pid := atoi(arg)
			if !ok || pid <= 0 || pid > int64(len(r.bgProcs)) {
				return failf(1, "wait: pid %s is not a child of this shell\n", arg)
			}
			bg := r.bgProcs[pid-1]
			<-bg.done
			exit = *bg.exit
`, `			bg := r.bgNamed(arg)
			if bg == nil {
				return failf(127, "wait: pid %q is not a child of this shell\n", arg)
			}
			if status, err := hook.Wait(ctx, bg.done); err != nil || status != 0 {
				exit.code = status
				exit.fatal(err)
				return exit
			}
			bg.waited = true
			exit = *bg.exit
			if name != "" {
				r.setVarString(name, arg)
			}
`},
	{builtinFile, `	case "wait":
		fp := flagParser{remaining: args}
`, `	case "wait":
		next, name := false, ""
		fp := flagParser{remaining: args}
`},
	{builtinFile, `			case "-n", "-p":
				return failf(2, "wait: unsupported option %q\n", flag)
			default:
				return failf(2, "wait: invalid`, `			case "-n":
				next = true
			case "-p":
				name = fp.value()
			case "-f":
			default:
				return failf(2, "wait: invalid`},
	{builtinFile, `		if len(args) == 0 {
			// Note that "wait" without`, `		args = fp.args()
		if name != "" {
			if !syntax.ValidName(name) {
				return failf(1, "wait: %q: not a valid identifier\n", name)
			}
			r.delVar(name)
		}
		if next {
			var ended []chan struct{}
			var at []int
			for i, bg := range r.bgProcs {
				named := func(name string) bool { return r.bgNamed(name) == &r.bgProcs[i] }
				if bg.part != nil && !bg.waited && (len(args) == 0 || slices.ContainsFunc(args, named)) {
					ended, at = append(ended, bg.done), append(at, i)
				}
			}
			if len(at) == 0 {
				exit.code = 127
				return exit
			}
			n, status, err := hook.First(ctx, ended)
			if err != nil || status != 0 {
				exit.code = status
				exit.fatal(err)
				return exit
			}
			r.bgProcs[at[n]].waited = true
			if name != "" {
				r.setVarString(name, r.bgName(at[n]+1))
			}
			return *r.bgProcs[at[n]].exit
		}
		if len(args) == 0 {
			// Note that "wait" without`},
	// A builtin that reads the terminal was not ended by ^C, and took keys in the background.
	{builtinFile, `		n, err := r.stdin.Read(buf[:])
`, `		n, err := hook.ReadInput(ctx, r.stdin, buf[:])
`},
	{builtinFile, `			line, err = term.ReadPassword(fd)
`, `			if _, err = hook.ReadInput(ctx, r.stdin, nil); err == nil {
				line, err = term.ReadPassword(fd)
			}
`},
	{builtinFile, importExpand, importHook + importExpand},
}
