package composedir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/composedir"
)

func TestProject(t *testing.T) {
	for _, row := range []struct {
		name        string
		files       map[string]string
		environment map[string]string
		want        string
	}{
		{"the directory's name", map[string]string{"My.Shop/compose.yaml": "services: {}"}, nil, "myshop"},
		{"of the directory above", map[string]string{"My.Shop/x": "", "compose.yml": "services: {}\nname: 'other' # x"}, nil, "other"},
		{"an older file's name", map[string]string{"My.Shop/docker-compose.yml": "name: shop\n"}, nil, "shop"},
		{"an element of that name further down", map[string]string{"My.Shop/compose.yaml": "x:\n  name: no\n"}, nil, "myshop"},
		{"a file .env", map[string]string{"My.Shop/compose.yaml": "name: no", "My.Shop/.env": "A=b\nCOMPOSE_PROJECT_NAME=\"_Dot env\"\n"}, nil, "dotenv"},
		{"the environment", map[string]string{"My.Shop/compose.yaml": "name: no"}, map[string]string{"COMPOSE_PROJECT_NAME": "env"}, "env"},
		{
			"other files",
			map[string]string{"My.Shop/a.yaml": "name: a", "My.Shop/b.yaml": "services: {}"},
			map[string]string{"COMPOSE_FILE": "a.yaml,b.yaml", "COMPOSE_PATH_SEPARATOR": ","},
			"a",
		},
		{
			"other files, by .env",
			map[string]string{"My.Shop/sub/a.yaml": "name: a", "compose.yaml": "name: no", "My.Shop/.env": "COMPOSE_FILE=sub/a.yaml"},
			nil, "a",
		},
		{
			"a file .env here goes before that beside the Compose file",
			map[string]string{"compose.yaml": "", ".env": "COMPOSE_PROJECT_NAME=above", "My.Shop/.env": "COMPOSE_PROJECT_NAME=here"},
			nil, "here",
		},
		{"a file .env above", map[string]string{"My.Shop/x": "", "compose.yaml": "", ".env": "COMPOSE_PROJECT_NAME=above"}, nil, "above"},
	} {
		t.Run(row.name, func(t *testing.T) {
			top := t.TempDir()
			for name, text := range row.files {
				file := filepath.Join(top, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := composedir.Project(filepath.Join(top, "My.Shop"), func(name string) string { return row.environment[name] })
			if got != row.want || err != nil {
				t.Errorf("%q, %v; want %q", got, err, row.want)
			}
		})
	}
}

func TestNoProject(t *testing.T) {
	dir := t.TempDir()
	none := func(string) string { return "" }
	if name, err := composedir.Project(dir, none); !errors.Is(err, composedir.ErrNone) {
		t.Errorf("%q, %v", name, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte("name: ${X}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if name, err := composedir.Project(dir, none); err == nil {
		t.Errorf("a name with variables: %q", name)
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("COMPOSE_PROJECT_NAME=${USER}-shop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if name, err := composedir.Project(dir, none); err == nil || !strings.Contains(err.Error(), "COMPOSE_PROJECT_NAME in ") {
		t.Errorf("a name with variables in .env: %q, %v", name, err)
	}
}
