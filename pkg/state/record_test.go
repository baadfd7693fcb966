//go:build unix

package state_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// abandoned are the names and IDs of what was abandoned; all is left as it is.
func abandoned(t *testing.T, p state.Place) []string {
	t.Helper()
	records, err := p.Abandoned(state.Helper, func(e state.Entry) bool { return e.Endpoint == "unix:///engine" })
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, r := range records {
		list = append(list, strings.TrimSpace(r.Name+" "+r.ID))
		r.Leave()
	}
	slices.Sort(list)
	return list
}

func TestRecordIsHeldUntilItIsLeft(t *testing.T) {
	p, _ := user(t)
	one, two := add(t, p, "one"), add(t, p, "two")
	one.Made("0f")
	if got := abandoned(t, p); len(got) > 0 {
		t.Errorf("abandoned: %q, while they are held", got)
	}
	if list, err := p.List(state.Helper); err != nil || len(list) != 2 || list[0].ID != "0f" || list[1].ID != "" {
		t.Errorf("%+v, %v", list, err)
	}
	one.Leave()
	two.Leave()
	if got := abandoned(t, p); !slices.Equal(got, []string{"one 0f", "two"}) {
		t.Errorf("abandoned: %q", got)
	}
}

func TestRecordOfWhatIsGoneIsRemoved(t *testing.T) {
	p, runtimeDir := user(t)
	add(t, p, "one").Done()
	left := add(t, p, "two")
	left.Leave()
	records, err := p.Abandoned(state.Helper, func(state.Entry) bool { return true })
	if err != nil || len(records) != 1 {
		t.Fatalf("%v, %v", records, err)
	}
	if again, err := p.Abandoned(state.Helper, func(state.Entry) bool { return true }); err != nil || len(again) > 0 {
		t.Errorf("two end the same: %v, %v", again, err)
	}
	records[0].Done()
	if entries, err := os.ReadDir(filepath.Join(runtimeDir, "docker-nsjoin")); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// What can't be read was never begun, and what isn't a record isn't touched.
func TestRecordThatIsCutOff(t *testing.T) {
	p, runtimeDir := user(t)
	one := add(t, p, "one")
	one.Made("0f")
	one.Leave()
	dir := filepath.Join(runtimeDir, "docker-nsjoin")
	text, err := os.ReadFile(filepath.Join(dir, "helper.one"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"helper.one": string(text[:len(text)-5]), "helper.two": "", "helper.three": `{"name":"th`, "forward.four": "", "five": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := abandoned(t, p); !slices.Equal(got, []string{"one"}) {
		t.Errorf("abandoned: %q", got)
	}
	var names []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if err != nil || !slices.Equal(names, []string{"five", "forward.four", "helper.one"}) {
		t.Errorf("there are %q, %v", names, err)
	}
}

// killedVariable has this test's program be a client that is killed.
const killedVariable = "NSJOIN_TEST_KILLED"

func TestMain(m *testing.M) {
	if config := os.Getenv(killedVariable); config != "" {
		r, err := state.Place{Config: config}.Add(state.Helper, state.Entry{Name: "killed", Endpoint: "unix:///engine"})
		r.Made("0f")
		fmt.Println(err)
		for { // select{} is a deadlock to Go's runtime, which would end it
			time.Sleep(time.Hour)
			runtime.KeepAlive(r)
		}
	}
	os.Exit(m.Run())
}

func TestKilledClientHoldsNothing(t *testing.T) {
	p, _ := user(t)
	client := exec.Command(os.Args[0])
	client.Env = append(os.Environ(), killedVariable+"="+p.Config)
	out, err := client.StdoutPipe()
	if err == nil {
		err = client.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said, _ := bufio.NewReader(out).ReadString('\n')
	held := abandoned(t, p)
	_ = client.Process.Kill()
	_ = client.Wait()
	if got := abandoned(t, p); said != "<nil>\n" || len(held) > 0 || !slices.Equal(got, []string{"killed 0f"}) {
		t.Errorf("it says %q; abandoned: before %q, after %q", said, held, got)
	}
}

// Calls begin and end at once, each sweeping. None takes a living one's record.
func TestManyCallsAtOnce(t *testing.T) {
	p, runtimeDir := user(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 100 {
				r, err := p.Add(state.Helper, state.Entry{Name: fmt.Sprintf("%d-%d", i, n)})
				if err != nil {
					t.Errorf("call %d of %d: %v", n, i, err)
					return
				}
				records, err := p.Abandoned(state.Helper, func(state.Entry) bool { return true })
				if err != nil || len(records) > 0 {
					t.Errorf("abandoned: %v, %v", records, err)
				}
				if _, err := os.Stat(filepath.Join(runtimeDir, "docker-nsjoin", "helper."+r.Name)); err != nil {
					t.Errorf("a record is gone: %v", err)
				}
				r.Done()
			}
		})
	}
	group.Wait()
}
