package debug

import (
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// profileFlag is the value of --profile.
type profileFlag struct{ profile *request.Profile }

func (f *profileFlag) String() string { return string(*f.profile) }
func (f *profileFlag) Type() string   { return "string" }

func (f *profileFlag) Set(value string) (err error) {
	*f.profile, err = request.ParseProfile(value)
	return err
}

// The values of --volumes and --root.
const (
	readOnly   = "ro"
	writable   = "rw"
	rootTools  = "tools"
	rootTarget = "target"
)

// wordFlag is a value that is one of two words.
type wordFlag struct {
	value *string
	a, b  string
}

func (f *wordFlag) String() string { return *f.value }
func (f *wordFlag) Type() string   { return "string" }

func (f *wordFlag) Set(value string) error {
	if value != f.a && value != f.b {
		return fmt.Errorf("must be %s or %s", f.a, f.b)
	}
	*f.value = value
	return nil
}
