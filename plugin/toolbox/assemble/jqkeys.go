package main

const (
	jqImport = "	\"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/jq/keyorder\"\n"

	jqSorted = `	kvs := make([]keyVal, len(vs))
	var i int
	for k, v := range vs {
		kvs[i] = keyVal{k, v}
		i++
	}
	sort.Slice(kvs, func(i, j int) bool {
		return kvs[i].key < kvs[j].key
	})
`
)

// jqKeys are repairs of gojq, which printed the keys of objects sorted. jq keeps their order.
var jqKeys = []change{
	{"github.com/itchyny/gojq/cli/inputs.go", `err = dec.Decode(&v); return }
	return &jsonInputIter`, `return keyorder.Decode(dec) }
	return &jsonInputIter`},
	{"github.com/itchyny/gojq/cli/inputs.go", "	\"github.com/itchyny/gojq\"\n", "	\"github.com/itchyny/gojq\"\n" + jqImport},
	{"github.com/itchyny/gojq/cli/encoder.go", jqSorted, `	kvs := make([]keyVal, len(vs))
	for i, k := range keyorder.Shown(vs) {
		kvs[i] = keyVal{k, vs[k]}
	}
`},
	{"github.com/itchyny/gojq/cli/encoder.go", "	\"sort\"\n", jqImport},
	{"github.com/itchyny/gojq/encoder.go", jqSorted, `	kvs := make([]keyVal, len(vs))
	for i, k := range keyorder.Keys(vs) {
		kvs[i] = keyVal{k, vs[k]}
	}
`},
	{"github.com/itchyny/gojq/encoder.go", "	\"sort\"\n", jqImport},
	{"github.com/itchyny/gojq/execute.go", `				var i int
				for k, v := range v {
					xs[i] = pathValue{path: k, value: v}
					i++
				}
				sort.Slice(xs, func(i, j int) bool {
					return xs[i].path.(string) < xs[j].path.(string)
				})
`, `				for i, k := range keyorder.Keys(v) {
					xs[i] = pathValue{path: k, value: v[k]}
				}
`},
	{"github.com/itchyny/gojq/execute.go", `			m := make(map[string]any, n)
			for range n {
`, `			m := make(map[string]any, n)
			names := make([]string, 0, n)
			for range n {
`},
	{"github.com/itchyny/gojq/execute.go", `					m[s] = v
				}
			}
			env.push(m)
`, `					m[s] = v
					names = append(names, s)
				}
			}
			slices.Reverse(names)
			env.push(keyorder.Note(m, names))
`},
	{"github.com/itchyny/gojq/execute.go", "	\"sort\"\n", "	\"slices\"\n\n" + jqImport},
	{"github.com/itchyny/gojq/compiler.go", `	w := make(map[string]any, l)
	for i := range l {
		w[c.codes[pc+i*3].v.(string)] = c.codes[pc+i*3+2].v
	}
`, `	w := make(map[string]any, l)
	for i := range l {
		keyorder.Add(w, c.codes[pc+i*3].v.(string))
		w[c.codes[pc+i*3].v.(string)] = c.codes[pc+i*3+2].v
	}
`},
	{"github.com/itchyny/gojq/compiler.go", "	\"sync\"\n", "	\"sync\"\n\n" + jqImport},
	{
		"github.com/itchyny/gojq/builtin.go", `"to_entries": {{Name: "to_entries", Body: &Query{Term: &Term{Type: TermTypeArray, Array: &Array{Query: &Query{Left: &Query{Term: &Term{Type: TermTypeFunc, Func: &Func{Name: "keys"}`,
		`"to_entries": {{Name: "to_entries", Body: &Query{Term: &Term{Type: TermTypeArray, Array: &Array{Query: &Query{Left: &Query{Term: &Term{Type: TermTypeFunc, Func: &Func{Name: "keys_unsorted"}`,
	},
	{"github.com/itchyny/gojq/func.go", `		"keys":           argFunc0(funcKeys),
`, `		"keys":           argFunc0(funcKeys),
		"keys_unsorted":  argFunc0(funcKeysUnsorted),
`},
	{"github.com/itchyny/gojq/func.go", `func keys(v map[string]any) []string {
`, `func funcKeysUnsorted(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return funcKeys(v)
	}
	w := make([]any, len(object))
	for i, k := range keyorder.Keys(object) {
		w[i] = k
	}
	return w
}

func keys(v map[string]any) []string {
`},
	{"github.com/itchyny/gojq/func.go", `		for i, k := range keys(v) {
			vs[i] = v[k]
`, `		for i, k := range keyorder.Keys(v) {
			vs[i] = v[k]
`},
	{"github.com/itchyny/gojq/func.go", `				v = maps.Clone(x)
				continue
`, `				v = keyorder.Note(maps.Clone(x), keyorder.Keys(x))
				continue
`},
	{"github.com/itchyny/gojq/func.go", `				maps.Copy(w, x)
				continue
`, `				keyorder.Extend(w, x)
				maps.Copy(w, x)
				continue
`},
	{"github.com/itchyny/gojq/func.go", `	if a.allocated(v) {
		v[k] = u
		return v, nil
	}
	w := a.makeObject(len(v) + 1)
	maps.Copy(w, v)
	w[k] = u
	return w, nil
`, `	if a.allocated(v) {
		keyorder.Add(v, k)
		v[k] = u
		return v, nil
	}
	w := a.makeObject(len(v) + 1)
	maps.Copy(w, v)
	keyorder.Note(w, keyorder.Keys(v))
	keyorder.Add(w, k)
	w[k] = u
	return w, nil
`},
	{"github.com/itchyny/gojq/func.go", `				v[k] = deleteEmpty(w)
			}
		}
		return v
`, `				v[k] = deleteEmpty(w)
			}
		}
		return keyorder.Kept(v)
`},
	{"github.com/itchyny/gojq/func.go", `				w[name] = capture["string"]
`, `				keyorder.Add(w, name)
				w[name] = capture["string"]
`},
	{"github.com/itchyny/gojq/func.go", `	if err := dec.Decode(&w); err != nil {
		return &func0WrapError{"fromjson", v, err}
	}
`, `	w, err := keyorder.Decode(dec)
	if err != nil {
		return &func0WrapError{"fromjson", v, err}
	}
`},
	{"github.com/itchyny/gojq/func.go", `	var w any
	dec := json.NewDecoder(strings.NewReader(s))
`, `	dec := json.NewDecoder(strings.NewReader(s))
`},
	{"github.com/itchyny/gojq/func.go", "	\"github.com/itchyny/timefmt-go\"\n", "	\"github.com/itchyny/timefmt-go\"\n" + jqImport},
	{"github.com/itchyny/gojq/operator.go", `			maps.Copy(m, r)
			return m
`, `			maps.Copy(m, r)
			return keyorder.Joined(m, l, r)
`},
	{"github.com/itchyny/gojq/operator.go", `		m[k] = v
	}
	return m
}

func repeatString`, `		m[k] = v
	}
	return keyorder.Joined(m, l, r)
}

func repeatString`},
	{"github.com/itchyny/gojq/operator.go", "	\"strings\"\n", "	\"strings\"\n\n" + jqImport},
}
