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
)

// historyLimit is the number of lines that are remembered, in memory only.
const historyLimit = 1000

// interact runs the lines that are typed, and returns the exit status.
func (s *shell) interact() int {
	cooked, err := liner.TerminalMode()
	if err != nil { // -i without a terminal
		return s.follow(os.Stdin)
	}
	// There is no job control: a command that stops would take the shell with it.
	signal.Ignore(syscall.SIGTSTP, syscall.SIGTTOU)
	// Their default actions would end the shell, also while it changes the terminal's mode. A command has the defaults.
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGQUIT, syscall.SIGINT)

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
		text, file, err := s.read(line)
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			status = s.setStatus(interrupted)
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(os.Stdout, "exit")
			end, _ := s.statement(context.Background(), &syntax.File{}) // traps of EXIT
			if status == 0 {
				status = end
			}
			return status
		case err != nil && file == nil && text == "":
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
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
		_ = raw.ApplyMode()
		stop()
	}
	return status
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

// setStatus makes $? the status, and returns it.
func (s *shell) setStatus(status int) int {
	file, err := syntax.NewParser().Parse(strings.NewReader(fmt.Sprintf("(exit %d)", status)), "")
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
	line.AppendHistory(strings.ReplaceAll(text, "\n", " "))
}

// runInterruptible runs statements until ctx ends, by SIGINT, which ends loops as well as the program that runs.
func (s *shell) runInterruptible(ctx context.Context, file *syntax.File) int {
	status := 0
	for _, stmt := range file.Stmts {
		var ok bool
		if status, ok = s.statement(ctx, stmt); !ok || s.runner.Exited() || ctx.Err() != nil {
			break
		}
	}
	s.exited = s.runner.Exited() && ctx.Err() == nil // the interpreter takes SIGINT for an exit
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stdout)
		return s.setStatus(interrupted)
	}
	return status
}
