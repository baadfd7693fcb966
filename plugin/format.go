package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/docker/cli/templates"
)

// header is the headers of a table, by the fields that a template names.
type header map[string]string

// Label is the header of one label, by the last part of its name.
func (header) Label(name string) string {
	name = name[strings.LastIndexByte(name, '.')+1:]
	return strings.NewReplacer("-", " ", "_", " ").Replace(name)
}

// writeRows prints rows as docker ps does: by a Go template with the Docker CLI's
// functions, json, or a table of one. What a template prints of a row is made printable;
// its own text is the user's and stays as it is. The Docker CLI's own package formatter does
// the same, and makes each start of a plugin slower, whatever it is called for.
func writeRows[Row any](out io.Writer, format string, head header, rows []Row) error {
	text, table := strings.CutPrefix(format, "table")
	if format == "json" {
		text = "{{json .}}"
	}
	text = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(strings.Trim(text, " "))
	parsed, err := templates.Parse(text + "\n")
	if err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	escapeActions(parsed, shown)
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
	parsed.Funcs(template.FuncMap{escaper: func(v any) any { return v }}) // headers are ours
	if err := parsed.Funcs(templates.HeaderFunctions).Execute(w, head); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	_, _ = io.WriteString(w, body.String())
	return w.Flush()
}
