package request

import (
	"encoding/json"
	"unicode/utf8"
)

// Word is a word of the command line: any bytes but 0, like a file name. JSON strings hold only
// text, so a word that is not UTF-8 is written as a list with one element, its bytes in base64.
type Word string

// MarshalJSON encodes the word.
func (w Word) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(w)) {
		return json.Marshal(string(w))
	}
	return json.Marshal([1][]byte{[]byte(w)})
}

// UnmarshalJSON parses the output of MarshalJSON.
func (w *Word) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		return json.Unmarshal(text, (*string)(w))
	}
	var bytes [1][]byte
	err := json.Unmarshal(text, &bytes)
	*w = Word(bytes[0])
	return err
}

// Words is a list of Word: a command and its arguments, or its environment.
type Words []string

// MarshalJSON encodes each element as a Word.
func (w Words) MarshalJSON() ([]byte, error) {
	var list []Word
	for _, word := range w {
		list = append(list, Word(word))
	}
	return json.Marshal(list)
}

// UnmarshalJSON parses the output of MarshalJSON.
func (w *Words) UnmarshalJSON(text []byte) error {
	var list []Word
	err := json.Unmarshal(text, &list)
	*w = nil
	for _, word := range list {
		*w = append(*w, string(word))
	}
	return err
}
