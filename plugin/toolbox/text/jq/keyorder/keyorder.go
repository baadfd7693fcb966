// Package keyorder remembers the order of objects' keys for jq, which keeps it. gojq has objects as maps; it is repaired for that
// when the toolbox is built: plugin/toolbox/assemble.
package keyorder

import (
	"encoding/json"
	"reflect"
	"slices"
)

// Sort has the output's keys sorted: jq -S.
var Sort bool

// most is how many objects may be remembered when another text is read. Those before it then have their keys sorted.
const most = 1 << 20

// object is an object and its keys in order, each once. It may have fewer or other keys by now.
type object struct {
	values map[string]any
	keys   []string
}

// noted are the objects whose order is known, by their address. No other object gets that as long as they are held here.
var noted = make(map[uintptr]object)

func address(values map[string]any) uintptr { return reflect.ValueOf(values).Pointer() }

// Note notes the order of an object's keys, and returns the object.
func Note(values map[string]any, keys []string) map[string]any {
	noted[address(values)] = object{values, keys}
	return values
}

// Keys returns an object's keys in order. Those whose place is not known are last, and sorted.
func Keys(values map[string]any) []string {
	list := make([]string, 0, len(values))
	for _, key := range noted[address(values)].keys {
		if _, ok := values[key]; ok {
			list = append(list, key)
		}
	}
	if len(list) == len(values) {
		return list
	}
	known := len(list)
	placed := make(map[string]bool, known)
	for _, key := range list {
		placed[key] = true
	}
	for key := range values {
		if !placed[key] {
			list = append(list, key)
		}
	}
	slices.Sort(list[known:])
	return list
}

// Shown returns an object's keys in the order of the output.
func Shown(values map[string]any) []string {
	list := Keys(values)
	if Sort {
		slices.Sort(list)
	}
	return list
}

// Add notes that a key is about to be added to an object, behind the others.
func Add(values map[string]any, key string) {
	if _, ok := values[key]; ok {
		return
	}
	at := address(values)
	o, ok := noted[at]
	if !ok {
		o = object{values, Keys(values)}
	}
	o.keys = append(o.keys, key)
	noted[at] = o
}

// Extend notes that the keys of another object are about to be added to an object.
func Extend(values, by map[string]any) {
	for _, key := range Keys(by) {
		Add(values, key)
	}
}

// Joined notes the order of an object that was made of two others, and returns it.
func Joined(values, first, second map[string]any) map[string]any {
	keys := Keys(first)
	for _, key := range Keys(second) {
		if _, ok := first[key]; !ok {
			keys = append(keys, key)
		}
	}
	return Note(values, keys)
}

// Kept notes the order of an object that has lost keys, and returns it.
func Kept(values map[string]any) map[string]any { return Note(values, Keys(values)) }

// Decode reads the next value, with numbers as they are written.
func Decode(d *json.Decoder) (any, error) {
	var text json.RawMessage
	if err := d.Decode(&text); err != nil {
		return nil, err
	}
	if len(noted) > most {
		clear(noted)
	}
	return (&parser{text: text}).value(), nil
}

// parser reads a text that package json has found to be valid.
type parser struct {
	text []byte
	at   int
}

// next returns the next character that is no blank.
func (p *parser) next() byte {
	for {
		switch c := p.text[p.at]; c {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return c
		}
	}
}

// take reports whether the next character is this one, and passes it by.
func (p *parser) take(c byte) bool {
	if p.next() != c {
		return false
	}
	p.at++
	return true
}

func (p *parser) value() any {
	switch p.next() {
	case '{':
		return p.object()
	case '[':
		p.at++
		list := []any{}
		for !p.take(']') {
			p.take(',')
			list = append(list, p.value())
		}
		return list
	case '"':
		return p.string()
	case 't':
		p.at += len("true")
		return true
	case 'f':
		p.at += len("false")
		return false
	case 'n':
		p.at += len("null")
		return nil
	}
	begin := p.at
	for p.at < len(p.text) && slices.Contains([]byte("+-.0123456789eE"), p.text[p.at]) {
		p.at++
	}
	return json.Number(p.text[begin:p.at])
}

func (p *parser) object() map[string]any {
	p.at++
	values := make(map[string]any)
	var keys []string
	for !p.take('}') {
		p.take(',')
		p.next()
		key := p.string()
		p.take(':')
		if _, ok := values[key]; !ok {
			keys = append(keys, key)
		}
		values[key] = p.value()
	}
	return Note(values, keys)
}

func (p *parser) string() string {
	begin, plain := p.at, true
	for p.at++; p.text[p.at] != '"'; p.at++ {
		if c := p.text[p.at]; c == '\\' {
			plain = false
			p.at++
		} else if c >= 0x80 {
			plain = false // perhaps invalid
		}
	}
	p.at++
	quoted := p.text[begin:p.at]
	if plain {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is valid
	return s
}
