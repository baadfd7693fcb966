//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// report holds the results and the machine that they were measured on.
type report struct {
	// Title tells results of one engine apart; empty for those of the engine itself.
	Title   string   `json:"title,omitempty"`
	Machine machine  `json:"machine"`
	Results []result `json:"results"`
	Counts  []call   `json:"counts,omitempty"`
	// Others were measured on other engines.
	Others []report `json:"others,omitempty"`
}

// title is the heading of results that are added.
func (r *report) title() string { return cmp.Or(r.Title, "Engine "+r.Machine.Engine) }

// readReport reads what -save has written.
func readReport(path string) (report, error) {
	var r report
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

type machine struct {
	Date   string `json:"date"`
	Kernel string `json:"kernel"`
	CPUs   string `json:"cpus"`
	Engine string `json:"engine"`
	CLI    string `json:"cli"`
	Plugin string `json:"plugin"`
}

func (l *lab) machine() machine {
	var name unix.Utsname
	_ = unix.Uname(&name)
	m := machine{Date: time.Now().UTC().Format(time.DateOnly), Kernel: unix.ByteSliceToString(name.Release[:])}
	m.CPUs, _ = l.output("nproc")
	m.Engine, _ = l.output("docker", "info", "--format", "{{.ServerVersion}}, cgroup v{{.CgroupVersion}}, {{.Driver}}")
	m.CLI, _ = l.output("docker", "version", "--format", "{{.Client.Version}}")
	m.Plugin, _ = l.output("docker", "nsjoin", "--version")
	m.Plugin = strings.TrimPrefix(m.Plugin, "docker nsjoin version ")
	return m
}

func (r result) cells() [6]string {
	c := [6]string{r.Name, amount(r.Ours, r.Unit), r.Beside}
	if r.Beside != "" {
		c[3], c[4] = amount(r.Theirs, r.Unit), fmt.Sprintf("%.2f", r.Ratio)
	}
	if r.Target != 0 {
		c[5] = fmt.Sprintf("≤ %v", r.Target)
		if !r.met() {
			c[5] += " missed"
		}
	}
	return c
}

func amount(n float64, unit string) string {
	if unit == "" {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.1f %s", n, unit)
}

func (r *report) text(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHAT\tTIME\tCOMPARED WITH\tITS TIME\tRATIO\tTARGET")
	for _, res := range r.Results {
		c := res.cells()
		fmt.Fprintln(table, strings.Join(c[:], "\t"))
	}
	if err := table.Flush(); err != nil || len(r.Counts) == 0 {
		return err
	}
	fmt.Fprintln(w)
	return printCounts(w, r.Counts)
}

func (r *report) markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n`make bench` wrote this page: medians of wall clock times, of runs that alternate between the programs.\n\n")
	r.table(&b)
	if len(r.Counts) > 0 {
		b.WriteString("\nCounts, on two processors: the lowest of several runs.\n\n")
		b.WriteString("| " + strings.Join(countTitles, " | ") + " |\n|" + strings.Repeat("---|", len(countTitles)) + "\n")
		for _, c := range r.Counts {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(c.cells(), " | "))
		}
	}
	for _, other := range r.Others {
		fmt.Fprintf(&b, "\n## %s\n\n", other.title())
		other.table(&b)
	}
	b.WriteString("\n[performance.md](performance.md) says where the time goes, and why targets are missed.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// table writes the machine and the results.
func (r *report) table(b *strings.Builder) {
	m := r.Machine
	fmt.Fprintf(b, "%s; Linux %s, %s processors; Engine %s; CLI %s; docker nsjoin %s.\n\n", m.Date, m.Kernel, m.CPUs, m.Engine, m.CLI, m.Plugin)
	b.WriteString("| what | time | compared with | its time | ratio | target |\n|---|---|---|---|---|---|\n")
	for _, res := range r.Results {
		c := res.cells()
		fmt.Fprintf(b, "| %s |\n", strings.Join(c[:], " | "))
	}
	said := make(map[string]bool)
	for _, res := range r.Results {
		if res.Remark != "" && !said[res.Name] {
			said[res.Name] = true
			fmt.Fprintf(b, "\n%s: %s.\n", res.Name, res.Remark)
		}
	}
}

func (r *report) json(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(r)
}

// write writes the report to a file, in the given form.
func (r *report) write(path string, form func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := form(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
