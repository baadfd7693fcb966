package formatter

import (
	"fmt"
	"reflect"
	"text/template"
	"text/template/parse"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// Painted is text that is already escaped and may contain colours. It is printed unchanged.
type Painted string

// escaper is the name of the escaping function in templates. Users' templates cannot call it.
const escaper = "_nsjoin_escaped"

// escapeActions makes every action of a template that prints a value print it through f, as html/template
// does with its escapers. A template can print any field of a row, and whole lists and structures.
func escapeActions(t *template.Template, f func(any) string) {
	t.Funcs(template.FuncMap{escaper: f})
	for _, t := range t.Templates() {
		if t.Tree != nil {
			escapeList(t.Root)
		}
	}
}

func escapeList(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch node := node.(type) {
		case *parse.ActionNode:
			if len(node.Pipe.Decl) > 0 {
				continue // it sets a variable and prints nothing
			}
			node.Pipe.Cmds = append(node.Pipe.Cmds, &parse.CommandNode{
				NodeType: parse.NodeCommand, Pos: node.Pos,
				Args: []parse.Node{parse.NewIdentifier(escaper).SetTree(nil).SetPos(node.Pos)},
			})
		case *parse.IfNode:
			escapeList(node.List)
			escapeList(node.ElseList)
		case *parse.RangeNode:
			escapeList(node.List)
			escapeList(node.ElseList)
		case *parse.WithNode:
			escapeList(node.List)
			escapeList(node.ElseList)
		}
	}
}

// escaped returns what text/template prints of a value, with everything escaped that is not printable.
// JSON stays JSON.
func escaped(v any) string {
	if text, ok := v.(Painted); ok {
		return string(text)
	}
	if v == nil {
		return "<no value>"
	}
	pointer := reflect.ValueOf(v)
	if pointer.Kind() != reflect.Pointer {
		return printable.Text(fmt.Sprint(v))
	}
	if pointer.IsNil() {
		return "<nil>"
	}
	switch v.(type) {
	case fmt.Stringer, error:
		return printable.Text(fmt.Sprint(v))
	}
	return escaped(pointer.Elem().Interface())
}
