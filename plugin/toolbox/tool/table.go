package tool

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table prints rows in columns as wide as their cells. Those whose numbers are named are aligned to the right.
func Table(rows [][]string, right ...int) {
	out, flush := Output()
	defer flush()
	for _, line := range Lined(rows, right...) {
		fmt.Fprintln(out, line)
	}
}

// Lined returns the lines that Table prints.
func Lined(rows [][]string, right ...int) (lines []string) {
	if len(rows) == 0 {
		return nil
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if slices.Contains(right, i) {
				fmt.Fprintf(&line, "%*s ", widths[i], cell)
			} else {
				fmt.Fprintf(&line, "%-*s ", widths[i], cell)
			}
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}
