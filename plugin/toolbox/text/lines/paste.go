package lines

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// paste is a call of paste.
type paste struct {
	between []rune // the separators
	out     *bufio.Writer
}

// Paste joins lines of files.
func Paste(args []string) int {
	f := tool.Flags("paste", "[-s] [-d LIST] [FILE...]")
	delimiters := f.StringP("delimiters", "d", "\t", "the separators, in turn")
	serial := f.BoolP("serial", "s", false, "join the lines of each file")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	out, flush := tool.Output()
	defer flush()
	p := &paste{[]rune(strings.NewReplacer(`\t`, "\t", `\n`, "\n", `\0`, "", `\\`, `\`).Replace(*delimiters)), out}
	if *serial {
		return p.serial(f.Args())
	}
	return p.parallel(tool.OrStdin(f.Args()))
}

func (p *paste) separator(i int) string {
	if len(p.between) == 0 {
		return ""
	}
	return string(p.between[i%len(p.between)])
}

func (p *paste) serial(files []string) int {
	return tool.Inputs("paste", files, func(in tool.Input) error {
		n := 0
		err := tool.Lines(in, func(line []byte) bool {
			if n > 0 {
				p.out.WriteString(p.separator(n - 1))
			}
			n++
			_, err := p.out.Write(line)
			return err == nil
		})
		p.out.WriteByte('\n')
		return err
	})
}

// parallel joins a line of each file. The columns that are "-" take lines of standard input in turn.
func (p *paste) parallel(files []string) int {
	stdin := bufio.NewReaderSize(tool.Flushing(os.Stdin), 64<<10)
	readers := make([]*bufio.Reader, len(files))
	for i, path := range files {
		if path == "-" {
			readers[i] = stdin
			continue
		}
		file, err := tool.Open(path)
		if err != nil {
			return tool.Complain("paste", err)
		}
		defer file.Close()
		readers[i] = bufio.NewReaderSize(tool.Flushing(file), 64<<10)
	}
	for {
		var row strings.Builder
		more := false
		for i, r := range readers {
			if i > 0 {
				row.WriteString(p.separator(i - 1))
			}
			line, err := r.ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return tool.Complain("paste", err)
			}
			more = more || line != ""
			row.WriteString(strings.TrimSuffix(line, "\n"))
		}
		if !more {
			return 0
		}
		if _, err := p.out.WriteString(row.String() + "\n"); err != nil {
			return 1
		}
	}
}
