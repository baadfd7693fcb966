package debug

import "github.com/nsjoin/docker-nsjoin/pkg/request"

// profileFlag is the value of --profile.
type profileFlag struct{ profile *request.Profile }

func (f *profileFlag) String() string { return string(*f.profile) }
func (f *profileFlag) Type() string   { return "string" }

func (f *profileFlag) Set(value string) (err error) {
	*f.profile, err = request.ParseProfile(value)
	return err
}

// The values of --root.
const (
	rootTools  = "tools"
	rootTarget = "target"
)
