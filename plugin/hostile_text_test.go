package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// hostileText has terminal control sequences, invisible characters, and what ends a string in
// each output format.
const hostileText = "\x1b]0;owned\a\x1b[2J\u009b31m\u202egnp.\u2066\u200f\u061c\u200b\ufeff\u00ad\u2028\u2029\u3164\x00\x7f\r\n\t\xff" +
	"\"];}-->`</label>#\\"

// fill sets every string in a value to hostileText.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(hostileText)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 && v.CanSet() && v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	}
}

// hostileRows returns two containers with hostile text in every field; the first has a guest from the second.
func hostileRows() (*listing, []*survey.Row) {
	l := &listing{containers: make(map[string]engine.Container)}
	for _, id := range []string{strings.Repeat("1f", 32), strings.Repeat("2e", 32)} {
		c := engine.Container{ID: id, Labels: map[string]string{hostileText: hostileText}, Networks: []string{hostileText}}
		for _, text := range []*string{&c.Name, &c.Image, &c.Command, &c.ImageID, &c.State, &c.Status} {
			*text = hostileText
		}
		l.containers[id] = c
		row := &survey.Row{Named: survey.Named{ID: id, Name: hostileText, Image: hostileText}, Started: time.Unix(1, 0), Bundle: hostileText}
		for k := range row.Namespaces {
			row.Namespaces[k] = survey.Namespace{Kind: ns.Kind(k), Inode: uint64(k) + 1}
		}
		l.rows = append(l.rows, row)
	}
	web, app := l.rows[0], l.rows[1]
	app.Started = time.Unix(2, 0)
	web.Namespaces[ns.Net].With, app.Namespaces[ns.Net].With = []*survey.Row{app}, []*survey.Row{web}
	web.Guests = []survey.Guest{{PID: 7, User: hostileText, Command: hostileText, Kinds: ns.SetOf(ns.Mnt), From: app, Cut: true}}
	web.MoreGuests = 3
	l.held = []survey.Unowned{{Kind: ns.Net, Inode: 8, HeldBy: []string{hostileText}, MoreHolders: 1}}
	l.missing = []string{hostileText}
	l.cut = survey.Omitted{Processes: 1, Holders: 1, Namespaces: 1}
	return l, l.rows
}

// clean fails if the output is empty, has a character that is not printable, or, for lines > 0,
// has another number of lines.
func clean(t *testing.T, what string, lines int, write func(io.Writer) error) {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	text := out.String()
	if got := printable.Lines(text); got != text || text == "" {
		t.Errorf("%s prints %q", what, text)
	}
	if n := strings.Count(text, "\n"); lines > 0 && n != lines {
		t.Errorf("%s prints %d lines, want %d: %s", what, n, lines, text)
	}
}

// Before, some of these printed an image's or process's command, a directory or a label
// unescaped.
func TestHostileText(t *testing.T) {
	list, rows := hostileRows()
	for _, row := range []struct {
		o     lsOptions
		named bool
		lines int
	}{
		{o: lsOptions{}, lines: 3 + 3},
		{o: lsOptions{noTrunc: true}, lines: 3 + 3},
		{o: lsOptions{}, named: true},
		{o: lsOptions{noTrunc: true}, named: true},
		{o: lsOptions{quiet: true}},
		{o: lsOptions{format: "table"}, lines: 3 + 3},
		{o: lsOptions{format: "wide"}, lines: 3 + 3},
		{o: lsOptions{format: "json"}, lines: 2 + 1},
		{o: lsOptions{format: "tree"}, lines: 5 + 2},
		{o: lsOptions{format: "mermaid"}},
		{o: lsOptions{format: "dot"}},
		{o: lsOptions{format: "{{json .}}"}},
		{o: lsOptions{format: "{{json .Labels}} {{json .Names}}"}},
		{o: lsOptions{format: "{{range .Guests.List}}{{.}} {{with .Command}}{{.}}{{end}}{{end}}"}},
		{o: lsOptions{format: `{{index .Namespaces "net"}} {{$n := .Name}}{{$n}} {{.Label "` + "x" + `"}}{{printf "%s" .Image}}{{upper .Command}}{{if .Name}}{{.Labels}}{{else}}{{end}}`}},
		{o: lsOptions{format: `{{define "x"}}{{.Command}}{{end}}{{template "x" .}}`}},
	} {
		clean(t, fmt.Sprintf("ls %+v, named %t", row.o, row.named), row.lines, func(out io.Writer) error {
			err := row.o.printRows(out, false, list, rows, row.named)
			if err == nil && slices.Contains([]string{"", "table", "wide", "json", "tree"}, row.o.format) {
				err = row.o.printHeld(out, list.held)
			}
			return err
		})
	}
	// Each field by itself.
	for field := range rowHeader() {
		clean(t, field, 2, func(out io.Writer) error {
			o := lsOptions{format: "{{." + field + "}}", noTrunc: true}
			return o.printRows(out, false, list, rows, false)
		})
	}
}

// The same holds for inspect, --dry-run, errors, hints and warnings.
func TestHostileTextOfAPlan(t *testing.T) {
	list, rows := hostileRows()
	context := &rowContext{row: rows[0], c: list.containers[rows[0].ID]}
	var p plan.Plan
	fill(reflect.ValueOf(&p).Elem())
	p.Identity.Container = &plan.ContainerIdentity{}
	fill(reflect.ValueOf(p.Identity.Container).Elem())
	c := inspection{rowText: context.all(), Identity: p.Identity, row: rows[0]}
	clean(t, "inspect", 0, func(out io.Writer) error { c.write(out, false); return nil })
	for _, format := range []string{"json", "{{.Identity.Env}} {{.Identity.Dir}} {{.Bundle}}", "{{.Identity.Container}}", "{{.}}", "{{json .}}"} {
		clean(t, "inspect "+format, 0, func(out io.Writer) error { return writeInspections(out, format, []inspection{c}) })
	}
	for _, form := range []request.Output{request.OutputText, request.OutputJSON} {
		clean(t, "--dry-run "+string(form), 0, func(out io.Writer) error { return p.Print(out, form) })
	}
	clean(t, "an error", 2, func(out io.Writer) error {
		exit.Report(out, exit.Hint(errors.New(hostileText), "%s", hostileText))
		return nil
	})
	clean(t, "a warning", 1, func(out io.Writer) error { exit.Warn(out, hostileText); return nil })
	clean(t, "a completion", 1, func(out io.Writer) error {
		_, err := fmt.Fprintln(out, strings.ReplaceAll(described("web", list.containers[rows[0].ID]), "\t", " "))
		return err
	})
	var back plan.Plan
	var text bytes.Buffer
	if err := p.Print(&text, request.OutputJSON); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text.Bytes(), &back); err != nil || back.Identity.Dir != strings.ToValidUTF8(hostileText, "\ufffd") {
		t.Errorf("--dry-run in JSON has the directory %q, %v", back.Identity.Dir, err)
	}
}

// A template's own text, which may contain colours, is printed unchanged.
func TestTemplatesOwnTextIsKept(t *testing.T) {
	list, rows := hostileRows()
	o := lsOptions{format: "\x1b[1m{{.Process}}\x1b[0m\\t{{.Processes}}"}
	var out bytes.Buffer
	if err := o.printRows(&out, false, list, rows[:1], false); err != nil || out.String() != "\x1b[1m0\x1b[0m\t0\n" {
		t.Errorf("%q, %v", &out, err)
	}
	out.Reset()
	if err := writeTable(&out, "table {{.Net}}", true, []*rowContext{{row: rows[0]}}); err != nil || !strings.Contains(out.String(), "\x1b[36m") {
		t.Errorf("table with colours: %q, %v", &out, err)
	}
}
