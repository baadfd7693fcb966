package plan_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The numbers are those of asm-generic/resource.h.
func TestResourceNumbers(t *testing.T) {
	for name, want := range map[string]plan.Resource{
		"RLIMIT_CPU": 0, "RLIMIT_CORE": 4, "RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7,
		"RLIMIT_MEMLOCK": 8, "RLIMIT_AS": 9, "RLIMIT_RTTIME": 15,
	} {
		if got, err := plan.ParseResource(name); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", name, got, err, want)
		}
	}
}

func TestParseResourceReadsString(t *testing.T) {
	all := plan.Resources()
	if len(all) != 16 { // RLIM_NLIMITS
		t.Errorf("%d resources", len(all))
	}
	for _, want := range all {
		for _, name := range []string{want.String(), "RLIMIT_" + want.String()} {
			if got, err := plan.ParseResource(name); err != nil || got != want {
				t.Errorf("%s is %d, %v; want %d", name, got, err, want)
			}
		}
	}
}

func TestUnknownResourceIsRefused(t *testing.T) {
	for name, message := range map[string]string{
		"":             `unknown resource limit ""`,
		"RLIMIT_":      `unknown resource limit "RLIMIT_"`,
		"RLIMIT_FILES": `unknown resource limit "RLIMIT_FILES"`,
		"7":            `unknown resource limit "7"`,
	} {
		if got, err := plan.ParseResource(name); err == nil || err.Error() != message {
			t.Errorf("%q is %v, %v; want %s", name, got, err, message)
		}
	}
}

func TestLimitString(t *testing.T) {
	for want, limit := range map[string]plan.Limit{
		"nofile=1024:4096":          {Resource: nofile, Soft: 1024, Hard: 4096},
		"nofile=0:unlimited":        {Resource: nofile, Soft: 0, Hard: plan.Unlimited},
		"cpu=unlimited:unlimited":   {Resource: 0, Soft: plan.Unlimited, Hard: plan.Unlimited},
		"as=18446744073709551614:1": {Resource: 9, Soft: plan.Unlimited - 1, Hard: 1},
	} {
		if got := limit.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestLimitAsJSON(t *testing.T) {
	text, err := json.Marshal(plan.Limit{Resource: nofile, Soft: 1, Hard: plan.Unlimited})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"resource":"nofile","soft":1,"hard":18446744073709551615}`; string(text) != want {
		t.Errorf("written %s\nwant    %s", text, want)
	}
}

func TestMergeLimits(t *testing.T) {
	limit := func(r plan.Resource, n uint64) plan.Limit { return plan.Limit{Resource: r, Soft: n, Hard: n + 1} }
	for _, row := range []struct {
		name                   string
		inherited, given, want []plan.Limit
	}{
		{"no limits", nil, nil, nil},
		{"only inherited ones", []plan.Limit{limit(0, 10), limit(4, 20)}, nil, []plan.Limit{limit(0, 10), limit(4, 20)}},
		{"only given ones", nil, []plan.Limit{limit(4, 20)}, []plan.Limit{limit(4, 20)}},
		{
			"a given one replaces the inherited one",
			[]plan.Limit{limit(0, 10), limit(4, 20), limit(7, 30)},
			[]plan.Limit{limit(4, 0)},
			[]plan.Limit{limit(0, 10), limit(4, 0), limit(7, 30)},
		},
		{
			"a new one is appended",
			[]plan.Limit{limit(7, 30)},
			[]plan.Limit{limit(0, 10), limit(7, 40)},
			[]plan.Limit{limit(7, 40), limit(0, 10)},
		},
		{
			"the last of two given ones",
			[]plan.Limit{limit(7, 30)},
			[]plan.Limit{limit(7, 40), limit(7, 50)},
			[]plan.Limit{limit(7, 50)},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := observed()
			o.TargetProcess.Starter.Limits, o.TargetProcess.Spec.Limits = row.inherited, row.given
			before := slices.Clone(row.inherited)
			if got := made(t, asked(), o).Identity.Container.Limits; !slices.Equal(got, row.want) {
				t.Errorf("limits %v, want %v", got, row.want)
			}
			if !slices.Equal(row.inherited, before) {
				t.Errorf("the observation was changed to %v", row.inherited)
			}
		})
	}
}

func TestResourceText(t *testing.T) {
	for _, r := range plan.Resources() {
		var got plan.Resource
		text, err := r.MarshalText()
		if err == nil {
			err = got.UnmarshalText(text)
		}
		if got != r || err != nil {
			t.Errorf("%s is read as %s, %v", r, got, err)
		}
	}
	var r plan.Resource
	if err := r.UnmarshalText([]byte("nothing")); err == nil {
		t.Error("an unknown resource is accepted")
	}
}
