// Package formatter prints rows as docker ps does: by a Go template with the Docker CLI's functions, as
// JSON, or as a table. It replaces the Docker CLI's package of that name, which makes every start of a
// plugin slower, whatever it is called for. Text that a row holds is escaped.
package formatter

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/docker/cli/templates"
)

// Header has the headers of a table, by the fields that a template names.
type Header map[string]string

// Label returns the header of a label: the last part of its name.
func (Header) Label(name string) string {
	name = name[strings.LastIndexByte(name, '.')+1:]
	return strings.NewReplacer("-", " ", "_", " ").Replace(name)
}

// Write prints rows in the format: a Go template, json, or "table" and a template, with headers from head.
// Values from a row are escaped, unless they are Painted. The template's own text is the user's and is not
// escaped.
func Write[Row any](out io.Writer, format string, head Header, rows []Row) error {
	text, table := strings.CutPrefix(format, "table")
	if format == "json" {
		text = "{{json .}}"
	}
	text = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(strings.Trim(text, " "))
	parsed, err := templates.Parse(text + "\n")
	if err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	escapeActions(parsed, escaped)
	var body strings.Builder
	for _, row := range rows {
		if err := parsed.Execute(&body, row); err != nil {
			return fmt.Errorf("--format: %w", err)
		}
	}
	if !table {
		_, err = io.WriteString(out, body.String())
		return err
	}
	w := tabwriter.NewWriter(out, 10, 1, 3, ' ', 0)
	parsed.Funcs(template.FuncMap{escaper: func(v any) any { return v }}) // headers need no escaping
	if err := parsed.Funcs(templates.HeaderFunctions).Execute(w, head); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	_, _ = io.WriteString(w, body.String())
	return w.Flush()
}
