package request

import (
	"encoding/json"
	"unicode/utf8"
)

// Word is a word of the command line that is bytes of any but 0, as a file's name is;
// JSON has text only. One that isn't text is written as a list of one, its bytes in base64.
type Word string

// MarshalJSON writes the word.
func (w Word) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(w)) {
		return json.Marshal(string(w))
	}
	return json.Marshal([1][]byte{[]byte(w)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (w *Word) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		return json.Unmarshal(text, (*string)(w))
	}
	var bytes [1][]byte
	err := json.Unmarshal(text, &bytes)
	*w = Word(bytes[0])
	return err
}

// Words are a command's words or its variables, each a Word.
type Words []string

// MarshalJSON writes the words.
func (w Words) MarshalJSON() ([]byte, error) {
	var list []Word
	for _, word := range w {
		list = append(list, Word(word))
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (w *Words) UnmarshalJSON(text []byte) error {
	var list []Word
	err := json.Unmarshal(text, &list)
	*w = nil
	for _, word := range list {
		*w = append(*w, string(word))
	}
	return err
}
