//go:build linux

// bench compares the times of docker nsjoin with those of docker exec and nsenter, which it runs in
// turn, and prints their ratios:
//
//	scripts/engine run -- go run ./scripts/bench [-rows REGEXP] [-rounds N] [-save DIR [-add [-as TITLE]]]
//	scripts/engine run -- go run ./scripts/bench -counts FILE.json [-update]
//	go run ./scripts/bench -plot FILE.json
//
// It needs root and an engine with the test images. -save writes benchmarks.md and
// benchmarks.json into a directory, and with -add adds the rows of another engine, or of another way to it, to those there, in place of
// those with the same title; -plot writes a chart of a benchmarks.json to standard output, as SVG.
// -counts measures no times: it counts page faults, system calls and processes of the calls, and fails if one
// of them is a tenth more than in a file, which -update writes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
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
	add := flag.Bool("add", false, "add the results to those in the directory")
	as := flag.String("as", "", "title of the results that are added, instead of the engine")
	draw := flag.String("plot", "", "draw this JSON file instead")
	counted := flag.String("counts", "", "only compare the counts with this JSON file")
	update := flag.Bool("update", false, "write that file")
	serve := flag.Bool("serve", false, "be the server in a container whose ports are forwarded")
	flag.Parse()
	if *serve {
		return serveTraffic()
	}
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
	if *counted != "" {
		return l.checkCounts(os.Stdout, *counted, *update)
	}
	r := report{Title: *as, Machine: l.machine()}
	if *rows == "" {
		if r.Counts, err = l.counts(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: NOT COUNTED:", err) // the kernel or a sandbox forbids it
		}
	}
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
		if err := r.save(*save, *add); err != nil {
			return err
		}
	}
	return r.text(os.Stdout)
}

// save writes the report into a directory. With add it becomes one of the others of the report there.
func (r *report) save(dir string, add bool) error {
	all := *r
	file := filepath.Join(dir, "benchmarks.json")
	if add {
		first, err := readReport(file)
		if err != nil {
			return err
		}
		first.Others = slices.DeleteFunc(first.Others, func(o report) bool { return o.title() == r.title() })
		first.Others = append(first.Others, *r)
		all = first
	}
	if err := all.write(file, all.json); err != nil {
		return err
	}
	return all.write(filepath.Join(dir, "benchmarks.md"), all.markdown)
}
