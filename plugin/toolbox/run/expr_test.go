package run

import (
	"strings"
	"testing"
)

func TestExpr(t *testing.T) {
	for expression, want := range map[string]string{
		"a+b : a+b": "3", "aab : a*b": "3", `a|b : a\|b`: "1", "a.b : a.b": "3", "a(b : a(b": "3", "abc : ^ab": "2", `abc : a\(.\)c`: "b", `abc : x\(.\)`: "",
		"a{2} : a{2}": "4", `aa : a\{2\}`: "2", "substr abcd 2 2": "bc", "substr abc 4 1": "", "index abc cb": "2", "index abc x": "0", "match abc ab": "2", "length abc": "3",
	} {
		e := &expr{strings.Fields(expression)}
		if got, err := e.binary(0); got != want || err != nil || len(e.args) > 0 {
			t.Errorf("expr %s is %q, %v, want %q", expression, got, err, want)
		}
	}
}
