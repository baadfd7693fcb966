//go:build linux

package main

import (
	"fmt"
	"html"
	"io"
)

// plot draws the ratios of a JSON report as bars, with the targets as marks. A bar that ends left of the
// line at 1 means that docker nsjoin is faster.
func plot(w io.Writer, path string) error {
	r, err := readReport(path)
	if err != nil {
		return err
	}
	const (
		line, left, scale, widest = 22, 420, 180, 2.0 // pixels, and scale those of a ratio of 1; widest is a ratio
	)
	var shown []result
	for _, res := range r.Results {
		if res.Unit == "ms" && res.Beside != "" {
			shown = append(shown, res)
		}
	}
	height := line*len(shown) + 50
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		left+int(widest*scale)+60, height)
	fmt.Fprintf(w, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	for i, res := range shown {
		y := line*i + 12
		width, colour := min(res.Ratio, widest)*scale, "#2a7ab0"
		if !res.met() {
			colour = "#c0603a"
		}
		fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, y+11,
			html.EscapeString(res.Name+" / "+res.Beside))
		fmt.Fprintf(w, `<rect x="%d" y="%d" width="%.0f" height="14" fill="%s"/>`+"\n", left, y, width, colour)
		fmt.Fprintf(w, `<text x="%.0f" y="%d">%.2f</text>`+"\n", left+width+5, y+11, res.Ratio)
		if res.Target != 0 {
			x := left + min(res.Target, widest)*scale
			fmt.Fprintf(w, `<path d="M%.0f %d v18" stroke="black" stroke-width="2"/>`+"\n", x, y-2)
		}
	}
	fmt.Fprintf(w, `<path d="M%d 4 V%d" stroke="#888" stroke-dasharray="3"/>`+"\n", left+scale, height-34)
	fmt.Fprintf(w, `<text x="%d" y="%d" fill="#555">time as a share of theirs; 1 is the same; | is the target; %s, Engine %s</text>`+"\n",
		left-300, height-14, html.EscapeString(r.Machine.Date), html.EscapeString(r.Machine.Engine))
	_, err = io.WriteString(w, "</svg>\n")
	return err
}
