package main

// printing are the files of commands that print without looking at the error.
var printing = []string{
	"github.com/u-root/u-root/cmds/core/dmesg/dmesg_linux.go",
	"github.com/u-root/u-root/cmds/core/ip/address_linux.go",
	"github.com/u-root/u-root/cmds/core/ip/ip_linux.go",
	"github.com/u-root/u-root/cmds/core/strings/strings.go",
	"github.com/u-root/u-root/cmds/core/uname/uname.go",
	"github.com/u-root/u-root/cmds/exp/ed/ed.go",
}

// change is a change of a file of another module.
type change struct{ file, old, new string }

// repairs are changes to other modules that their maintainers could take over as they are.
var repairs = []change{
	// The toolbox looks at failed writes after a command.
	{"github.com/u-root/gobusybox/src/pkg/bb/bbmain/register.go", "	os.Exit(0)\n	// Unreachable.\n", ""},
	{"github.com/u-root/gobusybox/src/pkg/bb/bbmain/register.go", "	\"os\"\n", ""},
	// awk, ed, unshare and chroot ran the container's /bin/sh, which may lead to any program of the container's.
	{"github.com/benhoyt/goawk/interp/interp.go", `	executable := "/bin/sh"
	if runtime.GOOS == "windows" {
		executable = "sh"
	}
	return []string{executable, "-c"}`, `	_ = runtime.GOOS
	return []string{tool.Self(), "-c"}`},
	{"github.com/benhoyt/goawk/interp/interp.go", `
	defaultShellCommand = getDefaultShellCommand()
`, ""},
	{"github.com/benhoyt/goawk/interp/interp.go", `p.shellCommand = defaultShellCommand`, `p.shellCommand = getDefaultShellCommand()`},
	{"github.com/benhoyt/goawk/interp/interp.go", `	"github.com/benhoyt/goawk/internal/ast"
`, `	"github.com/benhoyt/goawk/internal/ast"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
`},
	{"github.com/benhoyt/goawk/interp/io.go", `	// Ensure stdout/stderr pipes being held open`, `	cmd.Args[0] = "sh"
	// Ensure stdout/stderr pipes being held open`},
	{"github.com/u-root/u-root/cmds/exp/ed/system.go", `	cmd := exec.Command(shellpath, shellopts, fCmd)
`, `	cmd := exec.Command(tool.Self(), shellopts, fCmd)
	cmd.Args[0] = "sh"
`},
	{"github.com/u-root/u-root/cmds/exp/ed/system.go", `	"os/exec"
`, `	"os/exec"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
`},
	{"github.com/u-root/u-root/cmds/core/unshare/unshare_linux.go", `		args = []string{"/bin/sh"}
	}

	c := exec.Command(args[0], args[1:]...)
`, `		args = []string{tool.Self()}
	}

	c := exec.Command(args[0], args[1:]...)
	if args[0] == tool.Self() {
		c.Args[0] = "sh"
	}
`},
	{"github.com/u-root/u-root/cmds/core/unshare/unshare_linux.go", `	"os/exec"
`, `	"os/exec"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
`},
	{"github.com/u-root/u-root/cmds/core/chroot/chroot.go", `	argv := parseCommand(args)
`, `	if len(args) == 1 {
		return fmt.Errorf("a program is needed: chroot DIRECTORY PROGRAM")
	}
	argv := parseCommand(args)
`},
	// Messages with names that have control characters.
	{"github.com/itchyny/gojq/cli/run.go", `errStream: os.Stderr,`, `errStream: tool.Stderr,`},
	{"github.com/itchyny/gojq/cli/run.go", `import "os"
`, `import (
	"os"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)
`},
	{"github.com/benhoyt/goawk/goawk.go", `	fmt.Fprintf(os.Stderr, format+"\n", args...)
`, `	fmt.Fprintf(tool.Stderr, "awk: "+format+"\n", args...)
`},
	{"github.com/benhoyt/goawk/goawk.go", `	"unicode/utf8"
`, `	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
`},
	// pwd printed control characters, and did not look at the error.
	{"github.com/u-root/u-root/cmds/core/pwd/pwd.go", `fmt.Println(path)`, `tool.Println(tool.Shown(path))`},
	{"github.com/u-root/u-root/cmds/core/pwd/pwd.go", `	"fmt"
`, `	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
`},
	// Functions of gawk's.
	{"github.com/benhoyt/goawk/goawk.go", `	parserConfig := &parser.ParserConfig{
`, `	parserConfig := &parser.ParserConfig{
		Funcs:       awk.Functions,
`},
	{"github.com/benhoyt/goawk/goawk.go", `	config := &interp.Config{
`, `	config := &interp.Config{
		Funcs:         awk.Functions,
`},
	{"github.com/benhoyt/goawk/goawk.go", `	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
`, `	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/awk"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
`},
	{"github.com/benhoyt/goawk/parser/parser.go", `		arg := p.expr()
		args = append(args, arg)
		i++
	}
	p.expect(RPAREN)
	return &ast.UserCallExpr{name, args, pos}
`, `		parse := p.expr
		if i == 0 && name == "gensub" {
			parse = func() ast.Expr { return p.regexStr(p.expr) }
		}
		args = append(args, parse())
		i++
	}
	p.expect(RPAREN)
	if name == "gensub" && len(args) == 3 {
		args = append(args, &ast.FieldExpr{&ast.NumExpr{0}})
	}
	return &ast.UserCallExpr{name, args, pos}
`},
	// awk ended with 0 if a file of its could not be written.
	{"github.com/benhoyt/goawk/interp/interp.go", `func (p *interp) executeAll() (int, error) {
	defer p.closeAll()
`, `func (p *interp) executeAll() (exit int, failed error) {
	defer p.closeAll()
	defer func() {
		for name, stream := range p.outputStreams {
			if file, ok := stream.(*outFileStream); ok && !p.flushWriter(name, file) {
				exit = 2
			}
		}
	}()
`},
	// strace printed the bytes of the error's text instead of its number.
	// A thread that another one's exit_group(2) ends while it is stopped: its end comes next.
	{"github.com/u-root/u-root/pkg/strace/tracer.go", `unix.PtraceCont(p.pid, int(signal)); err != nil {`, `unix.PtraceCont(p.pid, int(signal)); err != nil && err != unix.ESRCH {`},
	{"github.com/u-root/u-root/pkg/strace/tracer.go", `unix.PtraceSyscall(p.pid, int(signal)); err != nil {`, `unix.PtraceSyscall(p.pid, int(signal)); err != nil && err != unix.ESRCH {`},
	{"github.com/u-root/u-root/pkg/strace/tracer.go", `	if err := unix.PtraceGetRegs(p.pid, &t.Syscall.Regs); err != nil {
`, `	if err := unix.PtraceGetRegs(p.pid, &t.Syscall.Regs); err == unix.ESRCH {
		return nil
	} else if err != nil {
`},
	{"github.com/u-root/u-root/pkg/strace/syscall_linux.go", `fmt.Sprintf("%s (%#x) (%v)", errno, errno, elapsed)`, `fmt.Sprintf("-1 %s (%s) (%v)", unix.ErrnoName(errno), errno, elapsed)`},
}
