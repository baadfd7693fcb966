package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/listing/listingtest"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// fill sets every string in a value to the hostile text.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(listingtest.HostileText)
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

// inspect, --dry-run, errors, hints, warnings and completions print no hostile text.
func TestHostileTextOfAPlan(t *testing.T) {
	list := listingtest.Hostile()
	row := list.Rows[0]
	var p plan.Plan
	fill(reflect.ValueOf(&p).Elem())
	for i := range p.Steps {
		p.Steps[i].Op = plan.OpExec
	}
	p.Identity.Container = &plan.ContainerIdentity{}
	fill(reflect.ValueOf(p.Identity.Container).Elem())
	c := newInspection(row, list.Containers[row.ID], p.Identity)
	listingtest.CheckClean(t, "inspect", 0, func(out io.Writer) error { c.write(out, false); return nil })
	for _, format := range []string{"json", "{{.Identity.Env}} {{.Identity.Dir}} {{.Bundle}}", "{{.Identity.Container}}", "{{.}}", "{{json .}}"} {
		listingtest.CheckClean(t, "inspect "+format, 0, func(out io.Writer) error { return write(out, format, []inspection{c}) })
	}
	for _, form := range []request.Output{request.OutputText, request.OutputJSON} {
		listingtest.CheckClean(t, "--dry-run "+string(form), 0, func(out io.Writer) error { return p.Print(out, form) })
	}
	listingtest.CheckClean(t, "an error", 2, func(out io.Writer) error {
		exit.Plugin.Report(out, exit.Hint(errors.New(listingtest.HostileText), "%s", listingtest.HostileText))
		return nil
	})
	listingtest.CheckClean(t, "a warning", 1, func(out io.Writer) error { exit.Plugin.Warn(out, listingtest.HostileText); return nil })
	listingtest.CheckClean(t, "a completion", 1, func(out io.Writer) error {
		for _, offer := range completion.Harmless([]string{completion.Described("web", list.Containers[row.ID])}) {
			fmt.Fprintln(out, strings.ReplaceAll(offer, "\t", " "))
		}
		return nil
	})
	var back plan.Plan
	var text bytes.Buffer
	if err := p.Print(&text, request.OutputJSON); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text.Bytes(), &back); err != nil || back.Identity.Dir != strings.ToValidUTF8(listingtest.HostileText, "\ufffd") {
		t.Errorf("--dry-run in JSON has the directory %q, %v", back.Identity.Dir, err)
	}
}
