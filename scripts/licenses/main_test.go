package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	for _, row := range []struct{ text, license, refused string }{
		{"Apache License\n   Version 2.0, January 2004\n", "Apache-2.0", ""},
		{"Licensed under the Apache License, Version 2.0 (the \"License\")", "Apache-2.0", ""},
		{"Permission is hereby granted, free of\ncharge, to any person obtaining a copy", "MIT", ""},
		{"Redistributions in binary form must reproduce the above copyright notice", "BSD-2-Clause", ""},
		{"Redistributions in binary form must reproduce the above copyright notice. Neither the name of X", "BSD-3-Clause", ""},
		{"This is the GNU General Public License,\nor the Apache License Version 2.0", "", "gnu general public license"},
		{"Mozilla Public License Version 2.0", "", "mozilla public license"},
		{"\nAll rights reserved.\nMine.", "", `"All rights reserved."`},
		{"", "", "none of the licenses"},
	} {
		license, err := identify([]byte(row.text))
		if license != row.license || (err == nil) != (row.refused == "") {
			t.Errorf("%q is %q, %v; want %q", row.text, license, err, row.license)
		}
		if err != nil && !strings.Contains(err.Error(), row.refused) {
			t.Errorf("%q is refused with %q, want %q in it", row.text, err, row.refused)
		}
	}
}

func TestModuleWithoutALicenseIsRefused(t *testing.T) {
	m := module{dir: t.TempDir()}
	for _, name := range []string{"README.md", "NOTICE"} {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte("Apache License Version 2.0"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.read(); err == nil || !strings.HasPrefix(err.Error(), "no license in ") {
		t.Errorf("a module with a notice alone: %q, %v", m.license, err)
	}
}
