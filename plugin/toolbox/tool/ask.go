package tool

import (
	"fmt"
	"os"
	"strings"
)

// Ask asks a question on stderr, and reports whether the answer begins with y. It reads one line of standard input,
// byte by byte: what follows belongs to the next question.
func Ask(question string) bool {
	fmt.Fprint(os.Stderr, question)
	var answer []byte
	var b [1]byte
	for {
		n, err := os.Stdin.Read(b[:])
		if n == 0 || err != nil || b[0] == '\n' {
			break
		}
		answer = append(answer, b[0])
	}
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(string(answer))), "y")
}
