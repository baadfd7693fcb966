package keyorder

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func decode(t *testing.T, text string) any {
	t.Helper()
	v, err := Decode(json.NewDecoder(strings.NewReader(text)))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// FuzzDecode compares with package json.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`{"b": 1, "a": [1.50, -2e9, {"z":null,"y":true , "x" :false}], "b": "again"}`, `"\u00e9\n\"é\ud83d\ude00"`, "\"\xff\"", "[]", "{}", " [ ] ", "1", "{\"a\":{}}\n2", "nul", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var want any
		wanted := d.Decode(&want)
		got, err := Decode(json.NewDecoder(strings.NewReader(text)))
		if (err == nil) != (wanted == nil) || errors.Is(err, io.EOF) != errors.Is(wanted, io.EOF) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v, want %v, %v", text, got, err, want, wanted)
		}
	})
}

func TestKeys(t *testing.T) {
	object, _ := decode(t, `{"c":1,"a":2,"b":3,"a":4}`).(map[string]any)
	expect := func(values map[string]any, want string) {
		t.Helper()
		if got := strings.Join(Keys(values), ""); got != want {
			t.Errorf("the keys are %s, want %s", got, want)
		}
	}
	expect(object, "cab")
	Add(object, "0")
	object["0"] = 1
	Add(object, "c")
	expect(object, "cab0")
	delete(object, "a")
	expect(Kept(object), "cb0")
	Add(object, "a")
	object["a"] = 1
	expect(object, "cb0a")
	other := Note(map[string]any{"z": 1, "c": 1, "x": 1}, []string{"z", "c", "x"})
	expect(Joined(map[string]any{"c": 1, "b": 1, "0": 1, "a": 1, "z": 1, "x": 1}, object, other), "cb0azx")
	expect(map[string]any{"b": 1, "a": 1}, "ab")
	object["y"], object["w"] = 1, 1
	expect(object, "cb0awy")
	if Sort = true; !slices.IsSorted(Shown(object)) || slices.IsSorted(Keys(object)) {
		t.Error("only what is shown is sorted")
	}
	Sort = false
}
