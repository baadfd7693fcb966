package hook

import (
	"context"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Access is what a builtin may do with the shell that calls it.
type Access struct {
	// Files are the shell's other descriptors.
	Files Files
	// SetVariable sets a variable, an element of an array as NAME[INDEX], or an array if list is not nil.
	SetVariable func(name, value string, list []string)
}

// accessKey is the key of a context's Access.
type accessKey struct{}

// WithAccess returns a context for a call of the shell.
func WithAccess(ctx context.Context, a Access) context.Context {
	return context.WithValue(ctx, accessKey{}, a)
}

// AccessOf returns the access of a context.
func AccessOf(ctx context.Context) Access {
	a, _ := ctx.Value(accessKey{}).(Access)
	return a
}

// Set sets a variable.
func (a Access) Set(name, value string) {
	if a.SetVariable != nil {
		a.SetVariable(name, value, nil)
	}
}

// SetList sets an array.
func (a Access) SetList(name string, list []string) {
	if list == nil {
		list = []string{}
	}
	if a.SetVariable != nil {
		a.SetVariable(name, "", list)
	}
}

// ValidName reports whether a variable or an element of an array can have the name.
func ValidName(name string) bool {
	variable, index, indexed := strings.Cut(name, "[")
	return syntax.ValidName(variable) && (!indexed || len(index) > 1 && strings.HasSuffix(index, "]"))
}
