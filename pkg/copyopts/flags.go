package copyopts

import "fmt"

// The values of --volumes.
const (
	readOnly = "ro"
	writable = "rw"
)

// WordFlag is the value of a flag that is one of two words.
type WordFlag struct {
	Value *string
	A, B  string
}

func (f *WordFlag) String() string { return *f.Value }

// Type returns the name of the value's type.
func (f *WordFlag) Type() string { return "string" }

// Set sets the value.
func (f *WordFlag) Set(value string) error {
	if value != f.A && value != f.B {
		return fmt.Errorf("must be %s or %s", f.A, f.B)
	}
	*f.Value = value
	return nil
}
