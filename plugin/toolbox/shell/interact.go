package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/peterh/liner"
	"mvdan.cc/sh/v3/syntax"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/history"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// historyLimit is the number of lines that are remembered, in memory only.
const historyLimit = 1000

// interact runs the lines that are typed, and returns the exit status.
func (s *shell) interact() int {
	cooked, err := liner.TerminalMode()
	if err != nil { // -i without a terminal
		return s.follow(os.Stdin)
	}
	s.jobs.terminal = true
	release := s.jobs.takeTerminal()
	defer release()
	// Their default actions would end or stop the shell, also while it changes the terminal's mode. A command has the
	// defaults. Without job control, one that stops would take the shell with it. SIGTTIN stops a shell in the background.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGQUIT, syscall.SIGINT)
	if s.jobs.control {
		signal.Notify(signals, syscall.SIGTSTP)
		go s.jobs.forward(signals)
	} else {
		signal.Ignore(syscall.SIGTSTP, syscall.SIGTTOU)
	}

	s.awaitHangUp()

	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	line.SetMultiLineMode(true)
	line.SetTabCompletionStyle(liner.TabPrints)
	line.SetBeep(false)
	line.SetWordCompleter(s.complete)
	raw, err := liner.TerminalMode()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
		return 2
	}
	s.setPrompt()
	status := 0
	for !s.exited {
		s.jobs.report()
		text, file, err := s.read(line)
		switch {
		case errors.Is(err, errEvent):
			status = s.setStatus(1)
			continue
		case errors.Is(err, liner.ErrPromptAborted):
			status = s.setStatus(interrupted)
			continue
		case errors.Is(err, io.EOF):
			if _, err := liner.TerminalMode(); err != nil { // the terminal is gone
				s.jobs.hangUp()
				return 1
			}
			tool.Println("exit")
			if s.stays() {
				continue
			}
			end, _ := s.statement(context.Background(), &syntax.File{}) // traps of EXIT
			if status == 0 {
				status = end
			}
			return status
		case err != nil && file == nil && text == "":
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
			s.jobs.hangUp()
			return 1
		}
		s.remember(line, text)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
			status = s.setStatus(2)
			continue
		}
		// From here on ^C counts for the command, also before it has started.
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		_ = cooked.ApplyMode()
		status = s.runInterruptible(ctx, file)
		s.runTraps(status)
		_ = raw.ApplyMode()
		stop()
	}
	return status
}

// awaitHangUp ends the jobs and the shell when its terminal is gone.
func (s *shell) awaitHangUp() {
	if signal.Ignored(syscall.SIGHUP) {
		return
	}
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGHUP)
	go func() {
		<-gone
		s.jobs.hangUp()
		signal.Reset(syscall.SIGHUP)
		_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
	}()
}

// read reads lines until they are complete statements.
func (s *shell) read(line *liner.State) (text string, file *syntax.File, err error) {
	prompt := s.prompt()
	for {
		typed, err := line.Prompt(prompt)
		if err != nil {
			if errors.Is(err, io.EOF) && text != "" {
				return text, nil, errors.New("unexpected end of file")
			}
			return "", nil, err
		}
		if typed, err = s.expanded(line, typed); err != nil {
			return "", nil, err
		}
		text += typed
		if continued(typed) {
			text += "\n"
			prompt = "> "
			continue
		}
		file, err = syntax.NewParser().Parse(strings.NewReader(text+"\n"), "")
		if err == nil || !syntax.IsIncomplete(err) {
			return text, file, err
		}
		text += "\n"
		prompt = "> "
	}
}

// errEvent says that a line is not run: it refers to one that there is not, or is only to be shown.
var errEvent = errors.New("not run")

// expanded replaces references to earlier lines, such as !! and !$, and shows the line if it has any.
func (s *shell) expanded(line *liner.State, typed string) (string, error) {
	text, changed, show, err := history.Expand(typed, s.history)
	switch {
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %s\n", s.name, tool.Printable(err.Error()))
		return "", errEvent
	case !changed:
		return typed, nil
	}
	fmt.Fprintln(os.Stderr, tool.Printable(text))
	if show {
		s.remember(line, text)
		return "", errEvent
	}
	return text, nil
}

// runTraps runs the traps of signals that have arrived, for example while a program ran.
func (s *shell) runTraps(status int) {
	if !hook.Traps.Waits() {
		return
	}
	s.setStatus(status) // the interpreter runs them behind any command
	s.exited = s.exited || s.runner.Exited()
}

// setStatus makes $? the status, and returns it.
func (s *shell) setStatus(status int) int {
	file, err := syntax.NewParser().Parse(strings.NewReader(fmt.Sprintf("%s %d", statusCommand, status)), "")
	if err == nil {
		_ = s.runner.Run(context.Background(), file.Stmts[0])
	}
	return status
}

// continued reports whether a line ends with a backslash that is not escaped.
func continued(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

// remember adds a line to the history, unless it begins with a space or is the last one again.
func (s *shell) remember(line *liner.State, text string) {
	if strings.TrimSpace(text) == "" || text[0] == ' ' || len(s.history) > 0 && s.history[len(s.history)-1] == text {
		return
	}
	s.history = append(s.history, text)
	if len(s.history) > historyLimit {
		s.history = s.history[1:]
	}
	line.AppendHistory(strings.NewReplacer("\n", "⏎", "\t", "␉").Replace(text)) // signs that stand for them in the line editor
}

// runInterruptible runs statements until ctx ends, by SIGINT, which ends loops as well as the program that runs.
func (s *shell) runInterruptible(ctx context.Context, file *syntax.File) int {
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	status := 0
	warned := s.warned
	for _, stmt := range file.Stmts {
		text := new(strings.Builder)
		_ = syntax.NewPrinter(syntax.SingleLine(true)).Print(text, stmt)
		if leaves(stmt) {
			fmt.Fprintln(os.Stderr, "exit") // as bash does
			if s.stays() {
				status = s.setStatus(1)
				break
			}
		}
		one, stop := context.WithCancel(ctx)
		j := s.jobs.begin(text.String(), stop, interrupt)
		var ok bool
		status, ok = s.statement(one, stmt)
		stopped := s.jobs.end(j)
		stop()
		s.exited = s.runner.Exited() && ctx.Err() == nil && !stopped // the interpreter takes the context's end for an exit
		if stopped && ctx.Err() == nil {
			status = s.setStatus(j.stoppedStatus())
			continue
		}
		if !ok || s.runner.Exited() || ctx.Err() != nil {
			break
		}
	}
	s.warned = s.warned && !warned
	if ctx.Err() != nil {
		tool.Println()
		return s.setStatus(interrupted)
	}
	return status
}

// stays reports whether the shell is not to end, since there are stopped jobs. It says so, and ends if it is told again.
func (s *shell) stays() bool {
	if s.warned || !s.jobs.control || !s.jobs.anyStopped() {
		return false
	}
	s.warned = true
	fmt.Fprintln(os.Stderr, "There are stopped jobs.")
	return true
}

// leaves reports whether a statement is a call of exit.
func leaves(stmt *syntax.Stmt) bool {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 || stmt.Background {
		return false
	}
	name := call.Args[0].Lit()
	return name == "exit" || name == "logout"
}
