//go:build linux

// bench measures docker nsjoin beside docker exec and nsenter, in one run and by
// turns, and prints ratios:
//
//	scripts/engine run -- go run ./scripts/bench [-rows REGEXP] [-rounds N] [-save DIR]
//	go run ./scripts/bench -plot FILE.json
//
// It needs root and an engine with the test images. -save writes benchmarks.md and
// benchmarks.json into a directory; -plot draws such a file as SVG on standard output.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	rows := flag.String("rows", "", "only the rows whose name matches")
	rounds := flag.Float64("rounds", 1, "how many times as many rounds")
	save := flag.String("save", "", "directory for benchmarks.md and benchmarks.json")
	draw := flag.String("plot", "", "draw this JSON file instead")
	flag.Parse()
	if *draw != "" {
		return plot(os.Stdout, *draw)
	}
	wanted, err := regexp.Compile(*rows)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	l, err := newLab(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	r := report{Machine: l.machine()}
	for _, row := range allRows(l) {
		if !wanted.MatchString(row.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "bench:", row.name)
		results, err := row.measure(ctx, *rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		r.Results = append(r.Results, results...)
		if *save == "" {
			continue
		}
		if err := r.write(filepath.Join(*save, "benchmarks.json"), r.json); err != nil {
			return err
		}
		if err := r.write(filepath.Join(*save, "benchmarks.md"), r.markdown); err != nil {
			return err
		}
	}
	return r.text(os.Stdout)
}
