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

// abandoned lists the names and IDs of the abandoned records and releases them again.
func abandoned(t *testing.T, d state.Dir) []string {
	t.Helper()
	records, err := d.Abandoned(state.Helper, func(e state.Entry) bool { return e.Endpoint == "unix:///engine" })
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, r := range records {
		list = append(list, strings.TrimSpace(r.Name+" "+r.ID))
		r.Release()
	}
	slices.Sort(list)
	return list
}

func TestRecordIsHeldUntilRelease(t *testing.T) {
	d, _ := user(t)
	one, two := add(t, d, "one"), add(t, d, "two")
	one.SetID("0f")
	if got := abandoned(t, d); len(got) > 0 {
		t.Errorf("abandoned: %q, while they are held", got)
	}
	if list, err := d.List(state.Helper); err != nil || len(list) != 2 || list[0].ID != "0f" || list[1].ID != "" {
		t.Errorf("%+v, %v", list, err)
	}
	one.Release()
	two.Release()
	if got := abandoned(t, d); !slices.Equal(got, []string{"one 0f", "two"}) {
		t.Errorf("abandoned: %q", got)
	}
}

// Whoever looks for other records holds none that is not wanted, not even for a moment: another call may take it over.
func TestRecordThatIsNotWantedIsNotHeld(t *testing.T) {
	d, _ := user(t)
	add(t, d, "one").Release()
	var got []string
	_, err := d.Abandoned(state.Helper, func(state.Entry) bool {
		got = abandoned(t, d)
		return false
	})
	if err != nil || !slices.Equal(got, []string{"one"}) {
		t.Errorf("meanwhile abandoned: %q, %v", got, err)
	}
}

func TestRemovedRecordIsGone(t *testing.T) {
	d, runtimeDir := user(t)
	add(t, d, "one").Remove()
	left := add(t, d, "two")
	left.Release()
	records, err := d.Abandoned(state.Helper, func(state.Entry) bool { return true })
	if err != nil || len(records) != 1 {
		t.Fatalf("%v, %v", records, err)
	}
	if again, err := d.Abandoned(state.Helper, func(state.Entry) bool { return true }); err != nil || len(again) > 0 {
		t.Errorf("it was handed out twice: %v, %v", again, err)
	}
	records[0].Remove()
	if entries, err := os.ReadDir(filepath.Join(runtimeDir, "docker-nsjoin")); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// A truncated record is one of a thing that was never started. Files that are no records are not touched.
func TestRecordThatIsCutOff(t *testing.T) {
	d, runtimeDir := user(t)
	one := add(t, d, "one")
	one.SetID("0f")
	one.Release()
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
	if got := abandoned(t, d); !slices.Equal(got, []string{"one"}) {
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

// killedVariable makes this test's executable the client that is killed.
const killedVariable = "NSJOIN_TEST_KILLED"

func TestMain(m *testing.M) {
	if config := os.Getenv(killedVariable); config != "" {
		r, err := state.Dir{Config: config}.Add(state.Helper, state.Entry{Name: "killed", Endpoint: "unix:///engine"})
		r.SetID("0f")
		fmt.Println(err)
		for { // Go's runtime takes select{} for a deadlock
			time.Sleep(time.Hour)
			runtime.KeepAlive(r)
		}
	}
	os.Exit(m.Run())
}

func TestKilledClientHoldsNoRecord(t *testing.T) {
	d, _ := user(t)
	client := exec.Command(os.Args[0])
	client.Env = append(os.Environ(), killedVariable+"="+d.Config)
	out, err := client.StdoutPipe()
	if err == nil {
		err = client.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said, _ := bufio.NewReader(out).ReadString('\n')
	held := abandoned(t, d)
	_ = client.Process.Kill()
	_ = client.Wait()
	if got := abandoned(t, d); said != "<nil>\n" || len(held) > 0 || !slices.Equal(got, []string{"killed 0f"}) {
		t.Errorf("it says %q; abandoned: before %q, after %q", said, held, got)
	}
}

// Calls begin and end concurrently, and each looks for abandoned records. None takes that of a living call.
func TestManyCallsAtOnce(t *testing.T) {
	d, runtimeDir := user(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 100 {
				r, err := d.Add(state.Helper, state.Entry{Name: fmt.Sprintf("%d-%d", i, n)})
				if err != nil {
					t.Errorf("call %d of %d: %v", n, i, err)
					return
				}
				records, err := d.Abandoned(state.Helper, func(state.Entry) bool { return true })
				if err != nil || len(records) > 0 {
					t.Errorf("abandoned: %v, %v", records, err)
				}
				if _, err := os.Stat(filepath.Join(runtimeDir, "docker-nsjoin", "helper."+r.Name)); err != nil {
					t.Errorf("a record is gone: %v", err)
				}
				r.Remove()
			}
		})
	}
	group.Wait()
}
