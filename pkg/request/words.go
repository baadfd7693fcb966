package request

import (
	"encoding/json"
	"unicode/utf8"
)

// Words are a command's words or its variables. They are bytes, of any but 0, as
// a file's name is; JSON has text only. One that isn't text is written as a list of
// one, its bytes in base64.
type Words []string

// MarshalJSON writes the words.
func (w Words) MarshalJSON() ([]byte, error) {
	if w == nil {
		return []byte("null"), nil
	}
	list := make([]any, len(w))
	for i, word := range w {
		list[i] = word
		if !utf8.ValidString(word) {
			list[i] = [1][]byte{[]byte(word)}
		}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (w *Words) UnmarshalJSON(text []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil || list == nil {
		return err
	}
	*w = make(Words, len(list))
	for i, item := range list {
		if item[0] != '[' {
			if err := json.Unmarshal(item, &(*w)[i]); err != nil {
				return err
			}
			continue
		}
		var bytes [1][]byte
		if err := json.Unmarshal(item, &bytes); err != nil {
			return err
		}
		(*w)[i] = string(bytes[0])
	}
	return nil
}
