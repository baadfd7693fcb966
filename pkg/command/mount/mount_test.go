package mount

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func TestTmpfsOptions(t *testing.T) {
	for given, want := range map[string]string{
		"":                       "nosuid nodev noexec mode=1777",
		"size=64k,exec,mode=700": "nosuid nodev size=64k mode=700",
		"ro,ro,suid,uid=7":       "nodev noexec ro mode=1777 uid=7",
		"suid,nosuid,ro,rw":      "nodev noexec nosuid mode=1777",
		"size=50%":               "nosuid nodev noexec size=50% mode=1777",
		"size=0x10000,size=1G":   "nosuid nodev noexec size=1G mode=1777",
		"noatime,nodiratime":     "nosuid nodev noexec noatime nodiratime mode=1777",
		"noatime,strictatime":    "nosuid nodev noexec strictatime mode=1777",
		"noatime,atime,relatime": "nosuid nodev noexec mode=1777",
		"sync,dirsync,async":     "nosuid nodev noexec mode=1777 dirsync",
		"nr_blocks=9,mpol=local": "nosuid nodev noexec mode=1777 nr_blocks=9 mpol=local",
	} {
		q := &request.Mount{}
		var options []string
		if given != "" {
			options = strings.Split(given, ",")
		}
		err := setTmpfs(q, options)
		got := slices.Clone(q.Flags)
		for _, o := range q.Options {
			got = append(got, request.MountOption(o))
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v", given, got, err)
		}
	}
	for _, wrong := range []string{
		"fast", "size", "size=", "mode", "nosuid=1", "rshared", "bind", "remount", "",
		"size=abc", "size=%", "size=k", "size=-1", "mode=9", "mode=10000", "uid=-1", "gid=99999999999", "nr_inodes=q", "nr_blocks=50%",
	} {
		if err := setTmpfs(&request.Mount{}, []string{wrong}); err == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}
}

func TestLongForm(t *testing.T) {
	for given, want := range map[string]string{
		"type=bind,dst=/data":                                  "a bind mount needs a source",
		"type=bind,src=,dst=/data":                             "a bind mount needs a source",
		"type=bind,src=/,dst=/data":                            "/ at /data",
		"type=bind,src=./src,dst=/data,ro":                     "./src at /data", // relative to a directory of the client
		"type=bind,src=/src,dst=/data,bind-recursive=disabled": "/src at /data, alone",
		"type=volume,src=v,dst=/data":                          "v at /data",
		"src=v,dst=/data,volume-nocopy":                        "v at /data, not copied",
		"src=v,dst=/data,volume-nocopy=false":                  "v at /data",
		"src=v,dst=/data,volume-driver=nfs":                    "are not supported",
		"src=v,dst=/data,volume-opt=type=nfs":                  "are not supported",
		"src=v,dst=/data,volume-label=a=b":                     "are not supported",
		"src=v,dst=/data,volume-subpath=a":                     "are not supported",
		"dst=/data":                                            "a volume without a name",
		"src=v":                                                "target is required",
		"src":                                                  "invalid field 'src' must be a key=value pair",
		`type=bind,"src=/a b,""c""",dst=/data`:                 `/a b,"c" at /data`,
		`type=bind,SRC=../a,Source=/b,dst=/data`:               "/b at /data", // as docker run: the last one counts
		`type=bind,src=/a=b,dst=/data`:                         "/a=b at /data",
		"type=bind,src=\"/a,dst=/data":                         "--mount: ",
		"type=tmpfs,src=/a,dst=/data":                          "a tmpfs has no source", // the engine refuses it
	} {
		q, err := parseLong(given)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprintf("%s%s at %s", q.Source, q.Volume, q.Target)
			for text, set := range map[string]bool{", alone": q.Single, ", not copied": q.NoCopy} {
				if set {
					got += text
				}
			}
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}

func TestBy(t *testing.T) {
	same, other := uint32(0), uint32(1000)
	for want, who := range map[string]*audit.Caller{
		"uid 0 on pc":              {Host: "pc"},
		"uid 0 on here":            {Host: "here", Login: &same},
		"uid 0 (login 1000) on pc": {Host: "pc", Login: &other},
		"uid 7":                    {UID: 7},
	} {
		if got := by(who); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPlanText(t *testing.T) {
	m, err := json.Marshal(plan.Mounting{
		Action: request.MountAttach, Type: request.MountBind, Source: "/src", Target: "/app/a/b", Dir: true, Flags: []string{"ro"},
		Make: []string{"/app/a", "/app/a/b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := mounts.Plan{Target: "web", Mount: m, Steps: json.RawMessage(`[{"op":"clone"}]`), Described: []string{"clone it"}, Warnings: []string{"hot"}}
	text, err := planText(p, request.OutputText)
	want := `mount /src at /app/a/b in web

mount
  type         bind
  source       /src, a directory
  target       /app/a/b
  made         /app/a /app/a/b, by uid 0
  flags        ro
  beneath      mounts come along
  propagation  private

steps
   1. clone it

warnings
  hot
`
	if err != nil || text != want {
		t.Errorf("%v\n%s\nwant\n%s", err, text, want)
	}
	text, err = planText(p, request.OutputJSON)
	if err != nil || !strings.Contains(text, `"op": "clone"`) || strings.Contains(text, "described") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestLeadsToTheSocket(t *testing.T) {
	for source, want := range map[string]bool{"/srv/e": true, "/srv/e/other.sock": true, "/srv/e2": false, "": false, "/srv/e/other.sock.d": false} {
		if got := leadsTo(source, "/srv/e/other.sock"); got != want {
			t.Errorf("%q: %v", source, got)
		}
	}
	if leadsTo("/srv", "") {
		t.Error("an engine without a socket")
	}
}
