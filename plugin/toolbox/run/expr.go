package run

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/regex"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// expr evaluates an expression.
type expr struct{ args []string }

// Expr prints the value of an expression.
func Expr(args []string) int {
	e := &expr{args}
	value, err := e.binary(0)
	if err == nil && len(e.args) > 0 {
		err = fmt.Errorf("unexpected %q", e.args[0])
	}
	if err != nil {
		return tool.Refuse("expr", err)
	}
	tool.Println(value)
	if value == "" || value == "0" {
		return 1
	}
	return 0
}

// levels are the operators, the weakest first.
var levels = []string{" | ", " & ", " < <= = == != >= > ", " + - ", " * / % ", " : "}

func (e *expr) binary(level int) (string, error) {
	if level == len(levels) {
		return e.primary()
	}
	left, err := e.binary(level + 1)
	for err == nil && len(e.args) > 0 && strings.Contains(levels[level], " "+e.args[0]+" ") {
		operator := e.args[0]
		e.args = e.args[1:]
		var right string
		if right, err = e.binary(level + 1); err == nil {
			left, err = operate(left, operator, right)
		}
	}
	return left, err
}

func (e *expr) primary() (string, error) {
	if len(e.args) == 0 {
		return "", errors.New("an operand is missing")
	}
	arg := e.args[0]
	e.args = e.args[1:]
	switch {
	case arg == "(":
		value, err := e.binary(0)
		if err == nil && (len(e.args) == 0 || e.args[0] != ")") {
			err = errors.New("a ) is missing")
		}
		if err == nil {
			e.args = e.args[1:]
		}
		return value, err
	case arg == "length" && len(e.args) > 0:
		text, err := e.primary()
		return strconv.Itoa(len([]rune(text))), err
	case arg == "match" && len(e.args) > 1, arg == "index" && len(e.args) > 1:
		subject, err := e.primary()
		if err != nil {
			return "", err
		}
		other, err := e.primary()
		if err != nil {
			return "", err
		}
		if arg == "match" {
			return matchStart(subject, other)
		}
		at := strings.IndexAny(subject, other)
		return strconv.Itoa(len([]rune(subject[:max(0, at)])) + min(1, at+1)), nil
	case arg == "substr" && len(e.args) > 2:
		return e.substring()
	}
	return arg, nil
}

// substring is the value of "substr TEXT FROM LENGTH".
func (e *expr) substring() (string, error) {
	var words [3]string
	for i := range words {
		word, err := e.primary()
		if err != nil {
			return "", err
		}
		words[i] = word
	}
	from, err := strconv.Atoi(words[1])
	n, lengthErr := strconv.Atoi(words[2])
	subject := []rune(words[0])
	if err != nil || lengthErr != nil || from < 1 || n < 1 || from > len(subject) {
		return "", nil
	}
	return string(subject[from-1 : min(len(subject), from-1+n)]), nil
}

func operate(left, operator, right string) (string, error) {
	truth := func(b bool) (string, error) {
		if b {
			return "1", nil
		}
		return "0", nil
	}
	empty := func(s string) bool { return s == "" || s == "0" }
	a, aErr := strconv.ParseInt(left, 10, 64)
	b, bErr := strconv.ParseInt(right, 10, 64)
	numbers := aErr == nil && bErr == nil
	compare := strings.Compare(left, right)
	if numbers {
		compare = int(max(-1, min(1, a-b)))
	}
	switch operator {
	case "|":
		if !empty(left) {
			return left, nil
		}
		return right, nil
	case "&":
		if empty(left) || empty(right) {
			return "0", nil
		}
		return left, nil
	case "<":
		return truth(compare < 0)
	case "<=":
		return truth(compare <= 0)
	case "=", "==":
		return truth(compare == 0)
	case "!=":
		return truth(compare != 0)
	case ">=":
		return truth(compare >= 0)
	case ">":
		return truth(compare > 0)
	case ":":
		return matchStart(left, right)
	}
	if !numbers {
		return "", errors.New("an operand is no number")
	}
	switch operator {
	case "+":
		a += b
	case "-":
		a -= b
	case "*":
		a *= b
	default:
		if b == 0 {
			return "", errors.New("division by zero")
		}
		if operator == "/" {
			a /= b
		} else {
			a %= b
		}
	}
	return strconv.FormatInt(a, 10), nil
}

// matchStart returns the group of a match at the text's beginning, or its length.
func matchStart(subject, pattern string) (string, error) {
	pattern, err := regex.Translate(strings.TrimPrefix(pattern, "^"), false)
	if err != nil {
		return "", err
	}
	re, err := regexp.Compile("(?s)^(?:" + pattern + ")")
	if err != nil {
		return "", err
	}
	re.Longest()
	match := re.FindStringSubmatch(subject)
	switch {
	case re.NumSubexp() > 0 && match != nil:
		return match[1], nil
	case re.NumSubexp() > 0:
		return "", nil
	case match == nil:
		return "0", nil
	}
	return strconv.Itoa(len([]rune(match[0]))), nil
}
