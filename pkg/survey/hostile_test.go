package survey_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// storm returns a pod of 64 containers and a chain of 20,000 processes, each the child of the previous
// one, in its own uts namespace and the pod's network.
func storm() *host {
	h := newHost()
	h.container("first", usual, nil)
	for i := range 63 {
		h.container(fmt.Sprintf("web%d", i), usual.Without(ns.SetOf(ns.Net)), map[ns.Kind]string{ns.Net: "first"})
	}
	parent := 1
	for range 20_000 {
		nodes := h.Groups[0].Namespaces
		nodes[ns.Net], nodes[ns.UTS] = h.Groups[h.find("first").Group].Namespaces[ns.Net], h.number()
		h.Groups = append(h.Groups, survey.Group{Namespaces: nodes})
		parent = h.process(len(h.Groups)-1, parent, &survey.Origin{})
	}
	return h
}

// Walking up the ancestors of each process for each container would take 10^10 steps, and each container
// would list 20,000 guests. Only some are listed, and the others are counted.
func TestHostileChainOfProcesses(t *testing.T) {
	h := storm()
	printed := h.Reduce(true)
	text, err := json.Marshal(h.Survey)
	if err != nil {
		t.Fatal(err)
	}
	if size := len(text); size > 8<<20 {
		t.Errorf("the survey has %d bytes", size)
	}
	if most := 8 * survey.MaxGuests * survey.MaxHolders; len(printed) > most {
		t.Errorf("%d processes are printed, more than %d", len(printed), most)
	}
	list, more := survey.UnownedNamespaces(&h.Survey)
	if len(list) != 128 || more != 20_000-128 {
		t.Errorf("%d namespaces of no container, and %d more", len(list), more)
	}
}

// 1000 processes that entered independently.
func TestHostileGuests(t *testing.T) {
	h := newHost()
	h.container("web", usual, nil)
	h.container("app", usual.Without(ns.SetOf(ns.Net)), map[ns.Kind]string{ns.Net: "web"})
	var all []int
	for range 1000 {
		all = append(all, h.enters(1, ns.SetOf(ns.Net), "web", "", ""))
	}
	for name, row := range h.report() {
		if len(row.Guests) != survey.MaxGuests || row.MoreGuests != 1000-survey.MaxGuests || row.Guests[0].PID != all[0] {
			t.Errorf("%s: %d guests, and %d more", name, len(row.Guests), row.MoreGuests)
		}
	}
	drawing := survey.Drawing{}
	rows := h.rows()
	for form, text := range map[string]string{"tree": drawing.Tree(rows), "mermaid": drawing.Mermaid(rows), "dot": drawing.Dot(rows)} {
		if !strings.Contains(text, "…and 950 more guests") {
			t.Errorf("%s does not count the others:\n%s", form, text)
		}
	}
}

// Reduce does not change the output.
func TestReduceKeepsTheOutput(t *testing.T) {
	for name, h := range map[string]*host{"pod": pod(), "storm": storm()} {
		h.enters(1, ns.SetOf(ns.Net, ns.UTS), h.names[0].Name, "", "")
		if name == "pod" {
			h.enters(h.find("app").First, ns.SetOf(ns.Mnt), "proxy", "app", "app")
			h.enters(h.enters(1, ns.SetOf(ns.Mnt), "app", "", ""), ns.SetOf(ns.Mnt, ns.PID), "app", "", "")
			h.enters(h.enters(1, ns.SetOf(ns.IPC), "app", "", ""), ns.SetOf(ns.IPC), "app", "", "")
		}
		rows, held := h.drawings(), fmt.Sprint(survey.UnownedNamespaces(&h.Survey))
		before := len(h.Processes)
		h.Reduce(true)
		if again := h.drawings(); !reflect.DeepEqual(again, rows) {
			t.Errorf("%s: %v\nwant %v", name, again, rows)
		}
		if again := fmt.Sprint(survey.UnownedNamespaces(&h.Survey)); again != held {
			t.Errorf("%s: %s\nwant %s", name, again, held)
		}
		if name == "pod" && len(h.Processes) >= before {
			t.Errorf("%d processes are kept of %d", len(h.Processes), before)
		}
	}
}
